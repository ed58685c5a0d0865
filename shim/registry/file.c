/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry file of this family: made, mapped, given storage as it grows. */
#include "shim/registry/file.h"

#include "shim/base/real.h"
#include "shim/base/reserve.h"
#include "shim/base/root.h"
#include "shim/registry/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * This runs inside the host program: close and fcntl are our own doors there, so they are reached
 * through the table of real calls, and pseudo files are read by pread(2), which has no door.
 */

#define PAGE 4096

static bool read_line(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t got = pread(fd, text, size - 1, 0);
	real.close(fd);
	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return got > 0;
}

/* Field 22 of proc(5)'s stat, counted from behind the command's name, which may hold anything. */
static uint64_t start_ticks(void)
{
	char text[1024];

	if (!read_line("/proc/self/stat", text, sizeof text))
		return 0;
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* ---- the run directory -------------------------------------------------------------------- */

enum trust { ANYBODY, OURS_OR_ROOT, OURS, OURS_ALONE };

struct place {
	char path[256];
	mode_t mode;      /* of a new directory */
	enum trust trust; /* whose it must be */
};

static bool trusted(int dir, enum trust trust)
{
	struct stat st;
	uid_t user = geteuid();

	if (fstat(dir, &st))
		return false;
	bool ours = st.st_uid == user;
	bool right = trust == ANYBODY || (trust == OURS_OR_ROOT && (ours || !st.st_uid)) ||
	             (trust == OURS && ours) ||
	             (trust == OURS_ALONE && ours && !(st.st_mode & 077));
	if (!right)
		errno = EPERM;
	return right;
}

static int open_place(const struct place *place)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (place->trust == ANYBODY ? 0 : O_NOFOLLOW);
	const char *path = place->path;
	int root = root_of(&path), dir = openat(root, path, flags);

	if (dir < 0 && errno == ENOENT && !mkdirat(root, path, place->mode & 0777)) {
		dir = openat(root, path, flags);
		if (dir >= 0 && place->mode & S_ISVTX && fchmod(dir, place->mode)) {
			/* Others will have to use their own directories. */
		}
	}
	if (dir < 0)
		return -1;
	if (trusted(dir, place->trust) && !faccessat(dir, ".", W_OK | X_OK, AT_EACCESS))
		return dir;
	int error = errno;
	real.close(dir);
	errno = error;
	return -1;
}

/* The directories to try, in order.  /run/sleeve is made as /tmp is, so that every user's
 * programs can be seen in one place. */
static int list_places(const struct registry_settings *settings, struct place places[3])
{
	int count = 0;

	if (settings->rundir && *settings->rundir) {
		places[0] = (struct place){.mode = 0700, .trust = ANYBODY};
		snprintf(places[0].path, sizeof places[0].path, "%s", settings->rundir);
		return 1;
	}
	places[count] = (struct place){.mode = 01777, .trust = OURS_OR_ROOT};
	snprintf(places[count++].path, sizeof places[0].path, "/run/sleeve");
	if (settings->xdg_runtime_dir && *settings->xdg_runtime_dir == '/') {
		places[count] = (struct place){.mode = 0700, .trust = OURS};
		snprintf(places[count++].path, sizeof places[0].path, "%s/sleeve",
		         settings->xdg_runtime_dir);
	}
	places[count] = (struct place){.mode = 0700, .trust = OURS_ALONE};
	snprintf(places[count++].path, sizeof places[0].path, "/tmp/sleeve-%u",
	         (unsigned)geteuid());
	return count;
}

/* ---- files of the dead -------------------------------------------------------------------- */

#define SWEEP_FILES 16   /* looked at when a file is made */
#define SWEEP_SLOTS 8192 /* looked at in each */

static bool sweep_name(int dir, const char *name, const char *boot_id)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool swept = registry_sweep(dir, name, fd, boot_id, SWEEP_SLOTS);
	real.close(fd);
	return swept;
}

/* Numbers the directory's registry files and sweeps those with a number in [first, last).
 * getdents64(2), because opendir(3) would allocate from the host's heap.  Returns how many. */
static unsigned sweep_range(int dir, unsigned first, unsigned last, const char *boot_id)
{
	unsigned number = 0;
	char buffer[2048] __attribute__((aligned(8)));
	ssize_t got;

	lseek(dir, 0, SEEK_SET);
	while ((got = getdents64(dir, buffer, sizeof buffer)) > 0) {
		struct dirent64 *entry;
		for (char *at = buffer; at < buffer + got; at += entry->d_reclen) {
			entry = (struct dirent64 *)(void *)at;
			const char *suffix = strrchr(entry->d_name, '.');
			if (!suffix || strcmp(suffix, REGISTRY_SUFFIX) != 0)
				continue;
			if (number >= first && number < last)
				sweep_name(dir, entry->d_name, boot_id);
			number++;
		}
	}
	return number;
}

/* Programs that come and go would fill the directory where nobody runs the tool, so every new
 * file pays for the removal of some old ones, taken anywhere in the directory. */
static void sweep_some(int dir, const char *boot_id)
{
	unsigned files = sweep_range(dir, 0, 0, boot_id);

	if (!files)
		return;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	unsigned first = files > SWEEP_FILES ? (unsigned)now.tv_nsec / 1000 % files : 0;
	sweep_range(dir, first, first + SWEEP_FILES, boot_id);
}

/* ---- the file ----------------------------------------------------------------------------- */

/* "PID", then "PID.1", ...: a pid comes back, and exec keeps it.  Where somebody squats on all
 * those, numbers nobody can foresee. */
static int open_new(int dir, char *stem, size_t size, const char *boot_id)
{
	char name[48];
	struct timespec now;

	for (unsigned n = 0; n < 32; n++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (!n)
			snprintf(stem, size, "%d", (int)getpid());
		else
			snprintf(stem, size, "%d.%u", (int)getpid(),
			         n < 16 ? n : (unsigned)now.tv_nsec);
		snprintf(name, sizeof name, "%s" REGISTRY_SUFFIX, stem);
		sweep_name(dir, name, boot_id);
		int fd =
			openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* A reader holds the lock for a moment when it looks whether we live; nobody else can. */
static bool lock(int fd)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return true;
		sched_yield();
	}
	return false;
}

static bool map(struct registry_file *file)
{
	struct rlimit limit;
	rlim_t slots = REGISTRY_SLOTS;

	/* Going over the limit would raise SIGXFSZ. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY) {
		rlim_t room =
			limit.rlim_cur < REGISTRY_SLOTS_OFFSET
				? 0
				: (limit.rlim_cur - REGISTRY_SLOTS_OFFSET) / sizeof *file->slots;
		slots = room < slots ? room : slots;
	}
	size_t size = REGISTRY_SLOTS_OFFSET + (size_t)slots * sizeof *file->slots;
	if (!slots) {
		errno = EFBIG;
		return false;
	}
	if (ftruncate(file->fd, (off_t)size) || !registry_file_reserve(file, 0, PAGE))
		return false;
	char *base = reserve(size, MAP_SHARED, file->fd);
	if (!base)
		return false;
	madvise(base, size, MADV_DONTDUMP);
	file->header = (struct registry_header *)(void *)base;
	file->counters = (struct registry_counter *)(void *)(base + REGISTRY_COUNTERS_OFFSET);
	file->slots = (struct registry_slot *)(void *)(base + REGISTRY_SLOTS_OFFSET);
	file->slot_count = (uint32_t)slots;
	return true;
}

static void fill_header(struct registry_file *file, const struct registry_settings *settings,
                        const char *boot_id)
{
	struct registry_header *header = file->header;
	struct timespec now;
	struct stat st;

	clock_gettime(CLOCK_REALTIME, &now);
	header->version = REGISTRY_VERSION;
	header->slot_size = sizeof(struct registry_slot);
	header->slot_count = file->slot_count;
	header->counter_count = REGISTRY_COUNTERS;
	header->pid = (uint32_t)getpid();
	header->uid = geteuid();
	header->start_ticks = start_ticks();
	header->pid_namespace = stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
	header->created = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	snprintf(header->boot_id, sizeof header->boot_id, "%s", boot_id);
	snprintf(header->service, sizeof header->service, "%s",
	         settings->service ? settings->service : "");
	snprintf(header->program, sizeof header->program, "%s",
	         settings->program ? settings->program : "");
	/* Last, and in one store: without it the file is none. */
	uint64_t magic;
	memcpy(&magic, REGISTRY_MAGIC, sizeof magic);
	__atomic_store_n((registry_word *)header->magic, magic, __ATOMIC_RELEASE);
}

static bool create_in(int dir, struct registry_file *file, const struct registry_settings *settings)
{
	char boot_id[40] = "", name[48];
	struct stat st, folder;

	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id);
	sweep_some(dir, boot_id);
	int fd = open_new(dir, file->stem, sizeof file->stem, boot_id);
	if (fd < 0)
		return false;
	file->fd = real.fcntl(fd, F_DUPFD_CLOEXEC, settings->lowest_fd);
	if (file->fd >= 0)
		real.close(fd);
	else
		file->fd = fd; /* the limit is below lowest_fd: any number is better than none */
	/* A set-group-id directory says that its group may read (sleeve(7)). */
	if (!fstat(dir, &folder) && folder.st_mode & S_ISGID && fchmod(file->fd, 0640)) {
		/* Then only the owner may. */
	}
	if (!fstat(file->fd, &st) && lock(file->fd)) {
		file->device = st.st_dev;
		file->inode = st.st_ino;
		if (map(file)) {
			fill_header(file, settings, boot_id);
			return true;
		}
	}
	int error = errno;
	snprintf(name, sizeof name, "%s" REGISTRY_SUFFIX, file->stem);
	unlinkat(dir, name, 0);
	real.close(file->fd);
	errno = error;
	return false;
}

bool registry_file_create(struct registry_file *file, const struct registry_settings *settings,
                          char *why, size_t size)
{
	struct place places[3];
	int count = list_places(settings, places), before;
	bool made = false;
	size_t used = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	for (int n = 0; n < count && !made; n++) {
		int dir = open_place(&places[n]);
		if (dir >= 0)
			made = create_in(dir, file, settings);
		int error = errno;
		if (dir >= 0)
			real.close(dir);
		if (!made && used < size)
			used += (size_t)snprintf(why + used, size - used, "%s%s: %s", n ? ", " : "",
			                         places[n].path, strerror(error));
	}
	pthread_setcancelstate(before, NULL);
	return made;
}

bool registry_file_reserve(const struct registry_file *file, size_t offset, size_t length)
{
	struct stat st;
	int before;
	size_t first = offset & ~(size_t)(PAGE - 1);
	size_t last = (offset + length + PAGE - 1) & ~(size_t)(PAGE - 1);

	/* A program may have closed the number behind our back and opened a file of its own. */
	if (fstat(file->fd, &st) || st.st_dev != file->device || st.st_ino != file->inode)
		return false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	bool done = !fallocate(file->fd, FALLOC_FL_KEEP_SIZE, (off_t)first, (off_t)(last - first));
	pthread_setcancelstate(before, NULL);
	return done;
}
