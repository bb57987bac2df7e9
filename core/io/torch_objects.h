/* torch_objects.h — the names a checkpoint's pickle may use, and what calling them makes.
 *
 * The list is closed: collections.OrderedDict, the functions of torch._utils that rebuild a tensor
 * or a parameter, torch's storage types, and the dtypes that have no storage type. */
#ifndef SCL_IO_TORCH_OBJECTS_H
#define SCL_IO_TORCH_OBJECTS_H

#include "io/pickle.h"

typedef struct scl_torch_global scl_torch_global;

/* The global `module.name`; SCL_BAD_DATA, naming it, when a checkpoint may not use it. */
scl_status scl_torch_global_find(scl_pickle_text module, scl_pickle_text name,
                                 const scl_torch_global **global, scl_error *err);

/* What calling a global with a tuple of arguments makes (opcode REDUCE): a DICT or a TENSOR. */
scl_status scl_torch_call(scl_arena *arena, const scl_pickle_value *callable,
                          const scl_pickle_value *arguments, scl_pickle_value **result,
                          scl_error *err);

/* The STORAGE that a persistent id ('storage', type, key, location, elements) names. */
scl_status scl_torch_storage(scl_arena *arena, const scl_pickle_value *id,
                             scl_pickle_value **result, scl_error *err);

#endif
