/* The thread pool: parallel_for, and how many threads it uses. No Python. */
#ifndef CNN_EXT_THREADS_H
#define CNN_EXT_THREADS_H

#include <stddef.h>

/* One piece of a job; `worker` tells whose scratch memory to use. */
typedef void (*task_function)(void *context, ptrdiff_t task, int worker);

/* Runs tasks 0 .. tasks - 1, each once, on the caller's and the pool's threads, and returns when
 * all are done. Tasks are handed out one by one, so results must not depend on who runs which.
 * Worker numbers are less than `workers`: what cnn_ext_get_num_threads() said when scratch memory
 * was made, whatever was set since.
 * On the caller's thread alone if the pool is busy with another caller's job. */
void parallel_for(task_function run, void *context, ptrdiff_t tasks, int workers);

/* The two symbols that others may find in the extension module: threadpoolctl does. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int cnn_ext_get_num_threads(void);
/* From the next job on; at least 1, at most 256. */
EXPORTED void cnn_ext_set_num_threads(int threads);

#endif
