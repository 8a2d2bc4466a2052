/* Eight octets, readable by their owner alone; written beside and moved into place. */
#include "dataplane/io/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const char *path, uint64_t *key)
{
	char fresh[600];
	int fd, rc = 0;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (getrandom(key, sizeof(*key), 0) != (ssize_t)sizeof(*key))
		return -errno;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, key, sizeof(*key)) != (ssize_t)sizeof(*key) || fsync(fd) != 0)
		rc = errno ? -errno : -EIO;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, path) != 0)
		rc = -errno;
	return rc;
}

int mw_io_key_load(const char *state_dir, uint64_t *key, char *error, size_t size)
{
	char path[560];
	ssize_t got;
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s/lane.key", state_dir) >= (int)sizeof(path)) {
		snprintf(error, size, "the name of the state directory is too long");
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		rc = make(path, key);
		if (rc != 0)
			snprintf(error, size, "cannot write %s: %s", path, strerror(-rc));
		return rc;
	}
	if (fd < 0) {
		rc = -errno;
		snprintf(error, size, "cannot read %s: %s", path, strerror(-rc));
		return rc;
	}
	got = read(fd, key, sizeof(*key));
	close(fd);
	if (got == (ssize_t)sizeof(*key))
		return 0;
	snprintf(error, size,
		"%s is damaged (%zd octets instead of 8): remove it, a new one will be made", path,
		got);
	return -EBADMSG;
}
