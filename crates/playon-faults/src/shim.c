/*
 * Loaded in front of the C library (LD_PRELOAD), this breaks the disk under a process: the n-th call of a
 * kind on the files of one directory fails, is cut short, or ends the process. Everything that changes those
 * files is written to a log, so that a test can work out what a power failure would have left of it.
 *
 * src/fault.rs sets the variables, src/log.rs reads the log.
 *
 * It also sets the wall clock of the process: by so many seconds as a file says, read anew each time.
 *
 * Calls on watched files are made one at a time: what the log says happened before a sync did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { NONE, EIO_, ENOSPC_, EROFS_, SHORT, TORN, KILL };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *dir, *file, *calls, *armed_by;
static size_t dir_len;
static enum kind kind = NONE;
static long at = 0, seen = 0;
static int forever = 0, fired = 0, full = 0, log_fd = -1;

/* The file whose sync failed, and the descriptors that know: each one that was open then is told once. */
enum { FDS_MAX = 1024 };
static char lost[PATH_MAX];
static char told[FDS_MAX];

static void set_up(void)
{
    dir = getenv("PLAYON_FAULT_DIR");
    if (!dir)
        return;
    dir_len = strlen(dir);
    file = getenv("PLAYON_FAULT_FILE");
    calls = getenv("PLAYON_FAULT_CALLS");
    armed_by = getenv("PLAYON_FAULT_ARMED_BY");
    const char *text = getenv("PLAYON_FAULT_AT");
    at = text ? atol(text) : 0;
    forever = getenv("PLAYON_FAULT_FOREVER") != NULL;
    text = getenv("PLAYON_FAULT_KIND");
    if (text)
        kind = !strcmp(text, "eio")      ? EIO_
               : !strcmp(text, "enospc") ? ENOSPC_
               : !strcmp(text, "erofs")  ? EROFS_
               : !strcmp(text, "short")  ? SHORT
               : !strcmp(text, "torn")   ? TORN
               : !strcmp(text, "kill")   ? KILL
                                         : NONE;
    text = getenv("PLAYON_FAULT_LOG");
    if (text)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name of an absolute path below the watched directory, "." for itself, NULL if it is elsewhere. */
static const char *below(const char *path)
{
    if (!dir || strncmp(path, dir, dir_len) != 0)
        return NULL;
    if (path[dir_len] == 0)
        return ".";
    return path[dir_len] == '/' ? path + dir_len + 1 : NULL;
}

/* As below, for an open file. The shared memory file is not on the disk as far as anybody cares. */
static const char *name_of(int fd, char *path)
{
    pthread_once(&once, set_up);
    if (!dir)
        return NULL;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0)
        return NULL;
    path[length] = 0;
    const char *name = below(path);
    return name && !strstr(name, "-shm") ? name : NULL;
}

static int is_notes(const char *name)
{
    return !strcmp(name, "notes");
}

/* One event: what, the lengths of name and data, offset; then name and data. */
static void note(char what, const char *name, uint64_t offset, const void *data, size_t length)
{
    if (log_fd < 0)
        return;
    struct { uint32_t what, name; uint64_t offset, length; } head = {
        (uint32_t)what, (uint32_t)strlen(name), offset, length };
    struct iovec parts[3] = {
        { &head, sizeof head }, { (void *)name, head.name }, { (void *)data, length } };
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)(sizeof head + head.name + length))
        abort();
}

/* Whether this call is the one to break; if so, how. */
static enum kind choose(char call, const char *name)
{
    if (kind == NONE || is_notes(name) || !calls || !strchr(calls, call))
        return NONE;
    if (file && *file) {
        size_t have = strlen(name), want = strlen(file);
        if (have < want || strcmp(name + have - want, file) != 0)
            return NONE;
    }
    if (armed_by && syscall(SYS_faccessat, AT_FDCWD, armed_by, F_OK) != 0)
        return NONE;
    seen++;
    if (seen != at && !(forever && seen > at) && !full)
        return NONE;
    if (!fired)
        note('!', name, 0, &call, 1);
    fired = 1;
    return full ? ENOSPC_ : kind;
}

static int failed(int error)
{
    errno = error;
    return -1;
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

static ssize_t put(int fd, const char *name, const void *bytes, size_t length, off_t offset)
{
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (done > 0)
        note(is_notes(name) ? 'N' : 'W', name, (uint64_t)offset, bytes, (size_t)done);
    return done;
}

static ssize_t write_at(int fd, const char *name, const void *bytes, size_t length, off_t offset)
{
    switch (choose('w', name)) {
    case EIO_:
        return failed(EIO);
    case ENOSPC_:
        return failed(ENOSPC);
    case EROFS_:
        return failed(EROFS);
    case SHORT: /* The disk fills up within this write. */
        full = 1;
        if (length < 2)
            return failed(ENOSPC);
        return put(fd, name, bytes, length / 2, offset);
    case TORN:
        put(fd, name, bytes, length / 2, offset);
        die();
        break;
    case KILL:
        die();
        break;
    case NONE:
        break;
    }
    return put(fd, name, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    if (!name)
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
    pthread_mutex_lock(&turn);
    ssize_t done = write_at(fd, name, bytes, length, offset);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    if (!name)
        return syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&turn);
    int appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    off_t offset = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    ssize_t done = write_at(fd, name, bytes, length, offset);
    if (done > 0)
        lseek(fd, offset + done, SEEK_SET);
    pthread_mutex_unlock(&turn);
    return done;
}

static enum kind choose_in_turn(char call, const char *name)
{
    pthread_mutex_lock(&turn);
    enum kind chosen = choose(call, name);
    if (chosen == KILL || chosen == TORN)
        die();
    pthread_mutex_unlock(&turn);
    return chosen;
}

ssize_t pread64(int fd, void *bytes, size_t length, off_t offset)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    enum kind chosen = name ? choose_in_turn('r', name) : NONE;
    if (chosen == SHORT)
        length /= 2;
    else if (chosen != NONE)
        return failed(EIO);
    return syscall(SYS_pread64, fd, bytes, length, offset);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset)
{
    return pread64(fd, bytes, length, offset);
}

ssize_t read(int fd, void *bytes, size_t length)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    enum kind chosen = name ? choose_in_turn('r', name) : NONE;
    if (chosen == SHORT)
        length = (length + 1) / 2;
    else if (chosen != NONE)
        return failed(EIO);
    return syscall(SYS_read, fd, bytes, length);
}

/* What a sync of one descriptor could not write is lost for all, so all are told, as by the kernel. */
static int must_be_told(int fd, const char *name)
{
    if (strcmp(name, lost) != 0 || fd >= FDS_MAX || told[fd])
        return 0;
    told[fd] = 1;
    return 1;
}

static int sync_file(int fd, long number)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    if (!name)
        return (int)syscall(number, fd);
    pthread_mutex_lock(&turn);
    enum kind chosen = choose('s', name);
    int done = -1;
    if (chosen == KILL || chosen == TORN)
        die();
    if (chosen == NONE && must_be_told(fd, name)) {
        errno = EIO;
    } else if (chosen == NONE) {
        done = (int)syscall(number, fd);
        if (done == 0)
            note('S', name, 0, NULL, 0);
    } else {
        note('E', name, 0, NULL, 0);
        snprintf(lost, sizeof lost, "%s", name);
        memset(told, 0, sizeof told);
        if (fd < FDS_MAX)
            told[fd] = 1;
        errno = chosen == ENOSPC_ ? ENOSPC : EIO;
    }
    pthread_mutex_unlock(&turn);
    return done;
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

int ftruncate64(int fd, off_t length)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    if (!name)
        return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&turn);
    enum kind chosen = choose('t', name);
    int done = -1;
    if (chosen == KILL || chosen == TORN)
        die();
    if (chosen == NONE) {
        done = (int)syscall(SYS_ftruncate, fd, length);
        if (done == 0)
            note('T', name, (uint64_t)length, NULL, 0);
    } else {
        errno = chosen == ENOSPC_ ? ENOSPC : EIO;
    }
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

static int open_file(int at_fd, const char *path, int flags, mode_t mode)
{
    pthread_once(&once, set_up);
    const char *name = below(path);
    if (!name || strstr(name, "-shm"))
        return (int)syscall(SYS_openat, at_fd, path, flags, mode);
    pthread_mutex_lock(&turn);
    enum kind chosen = choose('o', name);
    int fd = -1;
    if (chosen == KILL || chosen == TORN)
        die();
    if (chosen == NONE) {
        int creates = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
        fd = (int)syscall(SYS_openat, at_fd, path, flags, mode);
        if (fd >= 0 && fd < FDS_MAX)
            told[fd] = 1; /* Of losses before it. */
        if (fd >= 0 && creates && !is_notes(name))
            note('C', name, 0, NULL, 0);
        else if (fd >= 0 && (flags & O_TRUNC) && !is_notes(name))
            note('T', name, 0, NULL, 0);
    } else {
        errno = chosen == ENOSPC_ ? ENOSPC : EIO;
    }
    pthread_mutex_unlock(&turn);
    return fd;
}

#define OPEN(name_, before_, at_)                                                                   \
    int name_(before_ const char *path, int flags, ...)                                             \
    {                                                                                               \
        va_list more;                                                                               \
        va_start(more, flags);                                                                      \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(more, int) : 0;              \
        va_end(more);                                                                               \
        return open_file(at_, path, flags, mode);                                                   \
    }
#define NOTHING
#define FROM int from,

OPEN(open, NOTHING, AT_FDCWD)
OPEN(open64, NOTHING, AT_FDCWD)
OPEN(openat, FROM, from)
OPEN(openat64, FROM, from)

int unlink(const char *path)
{
    pthread_once(&once, set_up);
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    const char *name = below(path);
    if (done == 0 && name && !strstr(name, "-shm")) {
        pthread_mutex_lock(&turn);
        note('U', name, 0, NULL, 0);
        pthread_mutex_unlock(&turn);
    }
    return done;
}

int rename(const char *from, const char *to)
{
    pthread_once(&once, set_up);
    int done = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    const char *old = below(from), *new = below(to);
    if (done == 0 && old && new) {
        pthread_mutex_lock(&turn);
        note('R', old, 0, new, strlen(new));
        pthread_mutex_unlock(&turn);
    }
    return done;
}

/* Other clocks are what they are: nobody can set those. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int outcome = (int)syscall(SYS_clock_gettime, clock, time);
    const char *by = clock == CLOCK_REALTIME ? getenv("PLAYON_FAULT_CLOCK") : NULL;
    if (outcome != 0 || !by)
        return outcome;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, by, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    char text[32] = { 0 };
    if (syscall(SYS_read, fd, text, sizeof text - 1) > 0)
        time->tv_sec += atol(text);
    syscall(SYS_close, fd);
    return 0;
}
