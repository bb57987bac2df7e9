/* pointwise_groups.h — what the two halves of scl_graph_fuse_pointwise share: pointwise.c chooses
 * groups and puts the nodes in order, pointwise_program.c writes a group's program. */
#ifndef SCL_GRAPH_POINTWISE_GROUPS_H
#define SCL_GRAPH_POINTWISE_GROUPS_H

#include "graph/pointwise.h"

#include <string.h>

/* Nodes over the same elements that don't wait for one another. */
typedef struct pointwise_group {
    int64_t size[SCL_MAX_DIMS]; /* of the domain, as in a program */
    int32_t stage;              /* groups of a lower one come before it */
    int32_t members, sums;
    bool plain;     /* makes nothing of another group again, as that would be too much */
    bool separate;  /* stays the nodes it is */
    scl_node *node; /* what it became; NULL: none of its results is wanted, or separate */
} pointwise_group;

/* Arrays are by tensor id. */
typedef struct pointwise_fuser {
    scl_graph *graph;
    scl_node **maker;  /* the node in reach that makes it; NULL: made elsewhere, or a leaf */
    scl_tensor **same; /* the equal result of an earlier node, or NULL */
    int32_t *group_of; /* 1 + index; 0: not in a group */
    int32_t *stage;
    int32_t *cost;     /* steps to make it again from what is there, or from one result as large,
                          that may stay instead of it; -1: it takes more */
    int32_t *from;     /* 1 + that result; 0: none */
    int32_t *readers;  /* inputs of nodes that name it */
    int32_t *number;   /* 1 + its value in the program that is being written */
    bool *is_constant; /* one value, made of constants alone: written into programs */
    bool *stored;      /* wanted in memory */
    pointwise_group *groups;
    size_t group_count, group_capacity;
} pointwise_fuser;

static inline bool pointwise_is_map(const scl_node *node)
{
    return node != NULL && (scl_op_is_pointwise(node->op) || node->op == SCL_OP_BROADCAST);
}

/* By their bits, so that 0 and -0 differ. */
static inline bool pointwise_same_scalars(const float a[2], const float b[2])
{
    uint32_t x[2], y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return x[0] == y[0] && x[1] == y[1];
}

/* ---- pointwise.c */
/* The shape without axes of size 1, aligned at the end. */
void pointwise_domain(scl_shape shape, int64_t size[SCL_MAX_DIMS]);
bool pointwise_same_domain(scl_shape a, scl_shape b);
/* Whose elements the tensor has: itself, or what it is a view of or equal to. */
scl_tensor *pointwise_value(const pointwise_fuser *f, scl_tensor *tensor);

/* ---- pointwise_program.c */
/* Makes the group's node if one of its results is stored, and marks as stored what that reads of
 * other groups. */
void pointwise_write_program(pointwise_fuser *f, size_t group);

#endif
