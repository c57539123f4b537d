/* The thread pool: parallel_for, and how many threads it uses. No Python. */
#ifndef CNN_EXT_THREADS_H
#define CNN_EXT_THREADS_H

#include <stddef.h>

/* One piece of a job; `worker` tells whose scratch memory to use. */
typedef void (*task_function)(void *context, ptrdiff_t task, int worker);

/* Runs tasks 0 .. tasks - 1, each once, on the caller's and the pool's threads, and returns when
 * all are done. Tasks are handed out one by one, so results must not depend on who runs which.
 * Worker numbers are less than `workers`: what threads_get() said when scratch memory was made,
 * whatever threads_set() was told since.
 * On the caller's thread alone if the pool is busy with another caller's job. */
void parallel_for(task_function run, void *context, ptrdiff_t tasks, int workers);

int threads_get(void);
/* From the next job on; at least 1. */
void threads_set(int threads);

#endif
