/* For ThreadSanitizer (`make sanitize`): several callers use the pool while another thread changes
 * how many threads it has. Each task writes, without atomics, what its caller reads afterwards. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "micro.h"
#include "threads.h"

enum { CALLERS = 3, JOBS = 2000, TASKS = 64 };

static atomic_int wrong;

/* Stands in for dispatch.c, which would bring in every microkernel. */
unsigned long long flush_denormals_enter(void) {
    return 0;
}

static void add_square(void *context, ptrdiff_t task, int worker) {
    (void)worker;
    ((ptrdiff_t *)context)[task] += task * task;
}

static void *call(void *unused) {
    for (int job = 0; job < JOBS; job++) {
        ptrdiff_t squares[TASKS];
        memset(squares, 0, sizeof squares);
        parallel_for(add_square, squares, TASKS, cnn_ext_get_num_threads());
        for (ptrdiff_t task = 0; task < TASKS; task++) {
            if (squares[task] != task * task)
                wrong = 1;
        }
    }
    return unused;
}

int main(void) {
    pthread_t callers[CALLERS];
    cnn_ext_set_num_threads(4);
    for (int i = 0; i < CALLERS; i++)
        pthread_create(&callers[i], NULL, call, NULL);
    for (int change = 0; change < 200; change++)
        cnn_ext_set_num_threads(1 + change % 8);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    if (wrong)
        fprintf(stderr, "a task was not run once\n");
    return wrong;
}
