/* scan.h — looks at every image and mask of a data set; called by dataset.c only. */
#ifndef SCL_DATA_SCAN_H
#define SCL_DATA_SCAN_H

#include "data/dataset.h"

/* Completes items whose name and paths are set, logs what was found, and reports up to 8 files that
 * can't be used in one error. See scl_dataset_open. */
scl_status scl_dataset_scan(scl_dataset *dataset, scl_data_progress progress, scl_error *err);

#endif
