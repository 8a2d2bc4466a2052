/*
 * --import-customers: takes a customer file into a state directory and ends, with the very code
 * that answers `weirctl customer import`. For looking at captures, where no daemon runs. Never
 * touches a directory that a daemon works in: the environment's lock says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "controlplane/daemon/daemon.h"

static char *read_whole(const char *path, size_t *len)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	FILE *copy;
	int c;

	if (in == NULL)
		return NULL;
	copy = open_memstream(&text, &size);
	while (copy != NULL && (c = getc_unlocked(in)) != EOF)
		putc_unlocked(c, copy);
	if (copy == NULL || ferror(in) != 0 || fclose(copy) != 0) {
		fclose(in);
		free(text);
		return NULL;
	}
	fclose(in);
	*len = size;
	return text;
}

static int ask(struct mw_daemon *daemon, const char *path, struct mw_span csv)
{
	json_t *request = json_pack(
		"{s:i, s:[s, s, s]}", "v", MW_WIRE_VERSION, "argv", "customer", "import", path);
	char *head = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	struct mw_reply reply = {.exit = MW_EXIT_REFUSED};

	if (head != NULL)
		mw_ctl_run(&daemon->ctl, mw_span_str(head), csv, "import", 0, mw_daemon_now_s(),
			&reply);
	if (reply.exit != MW_EXIT_DONE)
		fprintf(stderr, "mailweir-controlplane: %s\n",
			head != NULL ? reply.error : "the file's name is no UTF-8");
	else
		fwrite(reply.out, 1, reply.out_len, stdout);
	free(reply.out);
	free(head);
	json_decref(request);
	return reply.exit == MW_EXIT_DONE ? 0 : 1;
}

int mw_daemon_import(struct mw_daemon *daemon, const struct mw_daemon_options *options)
{
	size_t len = 0;
	char *csv = read_whole(options->import_path, &len);
	int rc;

	if (csv == NULL) {
		mw_log(MW_LOG_ERROR, "%s cannot be read: %s", options->import_path,
			strerror(errno));
		return 1;
	}
	rc = mw_daemon_open(daemon, options);
	if (rc == 0)
		rc = ask(daemon, options->import_path, mw_span_of(csv, len));
	free(csv);
	return rc;
}
