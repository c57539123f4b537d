/* A small thread pool of our own, for jobs of microseconds to milliseconds.
 *
 * - Idle threads spin for SPIN pauses (some tens of microseconds: a round trip then costs 0.2 us),
 *   then sleep on a futex (70 us to wake), so that an idle pool costs nothing. They never yield:
 *   each yield gives away a whole time slice when another process wants the core.
 * - A worker that the scheduler wakes on its caller's core waits there until the job is done, and
 *   may do so for minutes: half the speed. So sleepers are woken with that core barred to them.
 * - Each thread takes the tasks of a range of its own, in order, and then those that are left of
 *   the others' ranges: from job to job it meets the same images, which its cache may still hold,
 *   and a core that is taken away delays one task only.
 * - One job at a time; a second caller runs its job alone rather than wait.
 * - A worker that comes late must not touch a finished job: it announces itself in `inside` before
 *   it looks whether a job is open, and the caller closes the job before it waits for `inside` to
 *   fall to zero. Both orders are sequentially consistent, so one of them sees the other.
 * - After fork the child has no workers and starts afresh. Workers are detached, hold no resources
 *   and know no Python, so the interpreter may exit at any moment.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "micro.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { SPIN = 2000, MAX_THREADS = 256 };

static struct {
    atomic_uint generation; /* counts jobs; what idle workers watch and sleep on */
    atomic_uint inside;     /* workers that are, or may be, in the job; what the caller waits on */
    atomic_int open;        /* whether the job may be entered */
    atomic_int sleepers;
    atomic_int caller_sleeps;
    task_function run;
    void *context;
    ptrdiff_t tasks;
    int members; /* workers that may take part: threads - 1 */
} pool;

static struct {
    _Atomic(ptrdiff_t) next; /* task of a thread's range */
    char apart[64 - sizeof(ptrdiff_t)];
} ranges[MAX_THREADS];

static pthread_mutex_t one_job = PTHREAD_MUTEX_INITIALIZER;
static atomic_int threads = 1; /* wanted, the caller included */
static int started;            /* workers running */

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
static void sleep_while(atomic_uint *word, unsigned value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(atomic_uint *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void wakers_after_fork(void) {}

/* Each worker's thread, once it sleeps; and the core that it may not wake on, plus one. */
static struct {
    _Atomic(pid_t) thread;
    atomic_int barred;
} sleeping[MAX_THREADS];

static void note_thread(int worker) {
    atomic_store(&sleeping[worker].thread, (pid_t)syscall(SYS_gettid));
}

static void bar_callers_core(int members) {
    const int here = sched_getcpu();
    cpu_set_t others;
    if (here < 0 || sched_getaffinity(0, sizeof(others), &others) != 0)
        return;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) == 0)
        return;
    for (int worker = 1; worker <= members; worker++) {
        const pid_t thread = atomic_load(&sleeping[worker].thread);
        if (thread == 0)
            continue;
        atomic_store(&sleeping[worker].barred, here + 1);
        sched_setaffinity(thread, sizeof(others), &others);
    }
}

static void allow_barred_core(int worker) {
    const int core = atomic_exchange(&sleeping[worker].barred, 0) - 1;
    cpu_set_t cores;
    if (core >= 0 && sched_getaffinity(0, sizeof(cores), &cores) == 0) {
        CPU_SET(core, &cores);
        sched_setaffinity(0, sizeof(cores), &cores);
    }
}

static void forget_threads(void) {
    for (int worker = 0; worker < MAX_THREADS; worker++)
        atomic_store(&sleeping[worker].thread, 0);
}
#else
static void note_thread(int worker) {
    (void)worker;
}

static void bar_callers_core(int members) {
    (void)members;
}

static void allow_barred_core(int worker) {
    (void)worker;
}

static void forget_threads(void) {}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void sleep_while(atomic_uint *word, unsigned value) {
    pthread_mutex_lock(&gate);
    while (atomic_load(word) == value)
        pthread_cond_wait(&changed, &gate);
    pthread_mutex_unlock(&gate);
}

static void wake_all(atomic_uint *word) {
    (void)word;
    pthread_mutex_lock(&gate); /* so that no one is between its check and its sleep */
    pthread_mutex_unlock(&gate);
    pthread_cond_broadcast(&changed);
}

static void wakers_after_fork(void) {
    gate = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}
#endif

/* Where a thread's range begins; it ends where the next one begins. */
static ptrdiff_t range_start(int worker) {
    return pool.tasks * worker / (pool.members + 1);
}

static void run_tasks(int worker) {
    const int count = pool.members + 1;
    for (int i = 0; i < count; i++) {
        const int owner = (worker + i) % count;
        const ptrdiff_t end = range_start(owner + 1);
        ptrdiff_t task;
        while ((task = atomic_fetch_add(&ranges[owner].next, 1)) < end)
            pool.run(pool.context, task, worker);
    }
}

static void enter_job(int worker) {
    atomic_fetch_add(&pool.inside, 1);
    if (atomic_load(&pool.open) && worker <= pool.members)
        run_tasks(worker);
    if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.caller_sleeps))
        wake_all(&pool.inside);
}

static void *work(void *number) {
    const int worker = (int)(intptr_t)number;
    unsigned seen = 0;
    flush_denormals_enter(); /* this thread is ours: nothing to restore */
    for (;;) {
        unsigned now = atomic_load(&pool.generation);
        for (int i = 0; now == seen && i < SPIN; i++) {
            pause_briefly();
            now = atomic_load(&pool.generation);
        }
        if (now == seen) {
            note_thread(worker);
            atomic_fetch_add(&pool.sleepers, 1);
            sleep_while(&pool.generation, seen);
            atomic_fetch_sub(&pool.sleepers, 1);
            allow_barred_core(worker);
            continue;
        }
        seen = now;
        enter_job(worker);
    }
    return NULL;
}

static void after_fork_in_child(void) {
    started = 0;
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.open, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.caller_sleeps, 0);
    one_job = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    wakers_after_fork();
    forget_threads();
}

/* Start the workers that are missing; with fewer than wanted the job is just slower. */
static void start_workers(void) {
    static int registered;
    if (!registered) {
        pthread_atfork(NULL, NULL, after_fork_in_child);
        registered = 1;
    }
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (started < threads - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &detached, work, (void *)(intptr_t)(started + 1)) != 0)
            break;
        started++;
    }
    pthread_attr_destroy(&detached);
}

static void wait_for_workers(void) {
    for (int i = 0; i < SPIN; i++) {
        if (atomic_load(&pool.inside) == 0)
            return;
        pause_briefly();
    }
    atomic_store(&pool.caller_sleeps, 1);
    unsigned inside;
    while ((inside = atomic_load(&pool.inside)) != 0)
        sleep_while(&pool.inside, inside);
    atomic_store(&pool.caller_sleeps, 0);
}

void parallel_for(task_function run, void *context, ptrdiff_t tasks, int workers) {
    if (tasks < 2 || workers < 2 || threads < 2 || pthread_mutex_trylock(&one_job) != 0) {
        for (ptrdiff_t task = 0; task < tasks; task++)
            run(context, task, 0);
        return;
    }
    if (started < threads - 1)
        start_workers();
    pool.run = run;
    pool.context = context;
    pool.tasks = tasks;
    pool.members = (threads < workers ? threads : workers) - 1;
    for (int worker = 0; worker <= pool.members; worker++)
        atomic_store_explicit(&ranges[worker].next, range_start(worker), memory_order_relaxed);
    atomic_store(&pool.open, 1);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleepers) > 0) {
        bar_callers_core(pool.members);
        wake_all(&pool.generation);
    }
    run_tasks(0);
    atomic_store(&pool.open, 0);
    wait_for_workers();
    pthread_mutex_unlock(&one_job);
}

int cnn_ext_get_num_threads(void) {
    return threads;
}

void cnn_ext_set_num_threads(int count) {
    pthread_mutex_lock(&one_job);
    threads = count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
    pthread_mutex_unlock(&one_job);
}
