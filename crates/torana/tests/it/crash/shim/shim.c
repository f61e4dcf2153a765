/* The disk and the clock as the crash harness wants them, between one gateway and the C library (LD_PRELOAD).
 *
 * It fails the n-th flush, kills the process before the n-th change of a file, writes down what a power cut would lose,
 * and moves the clocks. Everything is off until a variable turns it on; see `shim/mod.rs` for the other side.
 *
 *   SHIM_ROOT          beginning of the paths it looks at; other files are not touched
 *   SHIM_LOG           where it writes down every change that was not flushed yet (format: `shim/power.rs`)
 *   SHIM_GRAVES        folder on the same file system that keeps removed files
 *   SHIM_FLUSH_FAIL    number of the flush that fails, from 1; SHIM_FLUSH_ERRNO says how, SHIM_FLUSH_ON on which path ending
 *   SHIM_FLUSH_LIES    flushes succeed and do nothing, as with a disk that lies
 *   SHIM_KILL_AT       number of the change or flush before which the process is killed, from 1
 *   SHIM_CLOCK         file with two 64-bit offsets, nanoseconds: of the wall clock and of the monotonic clock
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static struct {
  const char *root, *graves, *flush_on;
  size_t root_len;
  int log, lies, flush_errno;
  long flush_fail, kill_at;
  volatile int64_t *clock;
} on;

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static long flushes, changes, graves;

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long (*real_syscall)(long, ...);

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
  real_open = NEXT(open);
  real_write = NEXT(write);
  real_pwrite = NEXT(pwrite);
  real_clock_gettime = NEXT(clock_gettime);
  real_syscall = NEXT(syscall);
  on.log = -1;
  const char *path = getenv("SHIM_CLOCK");
  if (path) {
    int file = real_open(path, O_RDWR | O_CLOEXEC);
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    on.clock = page;
    close(file);
  }
  on.graves = getenv("SHIM_GRAVES");
  on.flush_on = getenv("SHIM_FLUSH_ON");
  on.flush_fail = number("SHIM_FLUSH_FAIL");
  on.flush_errno = (int)number("SHIM_FLUSH_ERRNO");
  on.lies = (int)number("SHIM_FLUSH_LIES");
  on.kill_at = number("SHIM_KILL_AT");
  path = getenv("SHIM_LOG");
  if (path) {
    on.log = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (on.log < 0) abort();
  }
  /* Last: from here on files are looked at. */
  on.root = getenv("SHIM_ROOT");
  on.root_len = on.root ? strlen(on.root) : 0;
}

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

/* The shared index of a write-ahead log is rebuilt by whoever comes first, so nothing of it has to last. */
static int is_ours(const char *path) {
  return on.root_len && strncmp(path, on.root, on.root_len) == 0 && !ends_with(path, "-shm");
}

/* The path of a descriptor we look at. `errno` stays as it was. */
static int ours(int fd, char path[PATH_MAX]) {
  if (!on.root_len) return 0;
  int kept = errno;
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = kept;
  if (length < 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static void say(const char *text, const void *bytes, size_t length) {
  if (on.log < 0) return;
  if (real_write(on.log, text, strlen(text)) < 0) abort();
  while (length > 0) {
    ssize_t done = real_write(on.log, bytes, length);
    if (done < 0) abort();
    bytes = (const char *)bytes + done;
    length -= (size_t)done;
  }
}

/* Counts one change; with the lock held. */
static void step(void) {
  if (++changes == on.kill_at) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
}

/* Writes down what a range of a file holds before it changes; with the lock held. */
static void remember(const char *path, off_t from, off_t to, off_t size_after) {
  step();
  if (on.log < 0) return;
  int file = real_open(path, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (file < 0 || fstat(file, &about) < 0) abort();
  off_t end = to < about.st_size ? to : about.st_size;
  size_t length = end > from ? (size_t)(end - from) : 0;
  char *old = length ? mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
  if (old == MAP_FAILED) abort();
  for (size_t done = 0; done < length;) {
    ssize_t got = pread(file, old + done, length - done, from + (off_t)done);
    if (got <= 0) abort();
    done += (size_t)got;
  }
  close(file);
  char text[PATH_MAX + 128];
  if (size_after < about.st_size && to < about.st_size) size_after = about.st_size;
  snprintf(text, sizeof text, "W %s %lld %lld %lld %lld %zu\n", path, (long long)from, (long long)to,
           (long long)about.st_size, (long long)size_after, length);
  say(text, old, length);
  if (old) munmap(old, length);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[PATH_MAX];
  if (!real_write) real_write = NEXT(write);
  if (!ours(fd, path)) return real_write(fd, bytes, length);
  pthread_mutex_lock(&one);
  off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
  remember(path, at, at + (off_t)length, at + (off_t)length);
  ssize_t done = real_write(fd, bytes, length);
  pthread_mutex_unlock(&one);
  return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  char path[PATH_MAX];
  if (!real_pwrite) real_pwrite = NEXT(pwrite);
  if (!ours(fd, path)) return real_pwrite(fd, bytes, length, at);
  pthread_mutex_lock(&one);
  remember(path, at, at + (off_t)length, at + (off_t)length);
  ssize_t done = real_pwrite(fd, bytes, length, at);
  pthread_mutex_unlock(&one);
  return done;
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }

int ftruncate(int fd, off_t size) {
  char path[PATH_MAX];
  static int (*real)(int, off_t);
  if (!real) real = NEXT(ftruncate);
  if (!ours(fd, path)) return real(fd, size);
  pthread_mutex_lock(&one);
  remember(path, size, LLONG_MAX, size);
  int done = real(fd, size);
  pthread_mutex_unlock(&one);
  return done;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int flush(int fd, int (*real)(int)) {
  char path[PATH_MAX], text[PATH_MAX + 32];
  /* A folder is flushed for the names in it: of all files whose paths begin like ours. */
  int is_file = ours(fd, path), is_folder = 0;
  if (!is_file && on.root_len && path[0] == '/') {
    size_t length = strlen(path);
    is_folder = strncmp(path, on.root, length) == 0 && on.root[length] == '/';
  }
  if (!is_file && !is_folder) return real(fd);
  pthread_mutex_lock(&one);
  step();
  if (is_file && (!on.flush_on || ends_with(path, on.flush_on)) && ++flushes == on.flush_fail) {
    snprintf(text, sizeof text, "F %s\n", path);
    say(text, NULL, 0);
    pthread_mutex_unlock(&one);
    errno = on.flush_errno ? on.flush_errno : EIO;
    return -1;
  }
  int done = on.lies ? 0 : real(fd);
  if (done == 0 && !on.lies) {
    snprintf(text, sizeof text, is_file ? "S %s\n" : "D %s\n", path);
    say(text, NULL, 0);
  }
  pthread_mutex_unlock(&one);
  return done;
}
int fsync(int fd) { return flush(fd, NEXT(fsync)); }
int fdatasync(int fd) { return flush(fd, NEXT(fdatasync)); }

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (!real_open) real_open = NEXT(open);
  if (!(flags & (O_CREAT | O_TRUNC)) || !is_ours(path)) return real_open(path, flags, mode);
  pthread_mutex_lock(&one);
  struct stat about;
  int is_new = stat(path, &about) < 0;
  if (is_new) {
    char text[PATH_MAX + 16];
    step();
    snprintf(text, sizeof text, "C %s\n", path);
    say(text, NULL, 0);
  } else if (flags & O_TRUNC) {
    remember(path, 0, LLONG_MAX, 0);
  }
  int fd = real_open(path, flags, mode);
  pthread_mutex_unlock(&one);
  return fd;
}
int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open(path, flags, mode);
}

int unlink(const char *path) {
  static int (*real)(const char *);
  if (!real) real = NEXT(unlink);
  if (!is_ours(path)) return real(path);
  pthread_mutex_lock(&one);
  step();
  char text[2 * PATH_MAX + 16], grave[PATH_MAX];
  if (on.log >= 0 && on.graves) {
    snprintf(grave, sizeof grave, "%s/%d-%ld", on.graves, (int)getpid(), ++graves);
    if (link(path, grave) == 0) {
      snprintf(text, sizeof text, "U %s %s\n", path, grave);
      say(text, NULL, 0);
    }
  }
  int done = real(path);
  pthread_mutex_unlock(&one);
  return done;
}

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  if (!real) real = NEXT(rename);
  if (is_ours(from) || is_ours(to)) {
    pthread_mutex_lock(&one);
    step();
    pthread_mutex_unlock(&one);
  }
  return real(from, to);
}

/* === The clocks === */

static int64_t offset(clockid_t clock) {
  if (!on.clock) return 0;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) return on.clock[0];
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME) return on.clock[1];
  return 0;
}

static void move(struct timespec *time, int64_t by) {
  int64_t nanoseconds = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + by;
  if (nanoseconds < 0) nanoseconds = 0;
  time->tv_sec = nanoseconds / 1000000000;
  time->tv_nsec = nanoseconds % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!real_clock_gettime) real_clock_gettime = NEXT(clock_gettime);
  int done = real_clock_gettime(clock, time);
  if (done == 0) move(time, offset(clock));
  return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *place) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -1;
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}

/* A wait for a lock carries an absolute time, which the kernel reads by its own clock. */
long syscall(long call, ...) {
  va_list rest;
  long a[6];
  va_start(rest, call);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  if (!real_syscall) real_syscall = NEXT(syscall);
  struct timespec until;
  if (on.clock && call == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && a[3]) {
    until = *(const struct timespec *)a[3];
    move(&until, -offset(a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC));
    a[3] = (long)&until;
  }
  return real_syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}
