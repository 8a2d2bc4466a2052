/* One worker, one libcurl handle, one mail at a time. */
#include "controlplane/notify/mailer.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mw_mailer {
	pthread_t thread;
	pthread_mutex_t
		lock; /* of all that follows, but `stopping` and what only one side touches */
	pthread_cond_t wake;
	struct mw_relay relay;
	struct mw_outbox_record *queue[MW_MAILER_QUEUE_MAX];
	uint32_t queue_head, queue_count;
	struct mw_mail_result results[MW_MAILER_QUEUE_MAX];
	uint32_t result_head, result_count;
	uint64_t current_id; /* on its way, 0 none */
	atomic_bool stopping;
	int event_fd;
};

/* One transaction as it goes; only the worker sees it. */
struct transaction {
	struct mw_mailer *mailer;
	const struct mw_outbox_record *record;
	size_t sent;
	uint32_t code; /* of the last reply but QUIT's */
	char reply[MW_OUTBOX_REPLY_MAX];
	uint32_t refused_code; /* of the last reply that refused something */
	char refused[MW_OUTBOX_REPLY_MAX];
	uint8_t refused_count;
};

static void copy_printable(char *out, size_t size, const char *text, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 1 < size; i++)
		if (text[i] != '\r' && text[i] != '\n')
			out[used++] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[used] = '\0';
}

/* libcurl gives each reply line of the server here. */
static size_t on_reply(char *data, size_t size, size_t count, void *ctx)
{
	struct transaction *t = ctx;
	size_t len = size * count;
	uint32_t code = 0;

	if (len < 3)
		return len;
	for (size_t i = 0; i < 3; i++) {
		if (data[i] < '0' || data[i] > '9')
			return len;
		code = code * 10 + (uint32_t)(data[i] - '0');
	}
	if (code == 221 || (len > 3 && data[3] == '-'))
		return len;
	t->code = code;
	copy_printable(t->reply, sizeof(t->reply), data, len);
	if (code >= 400) {
		t->refused_code = code;
		if (t->refused_count < UINT8_MAX)
			t->refused_count++;
		memcpy(t->refused, t->reply, sizeof(t->refused));
	}
	return len;
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
	struct transaction *t = ctx;
	size_t left = t->record->octets_len - t->sent;
	size_t len = size * count < left ? size * count : left;

	memcpy(out, t->record->octets + t->sent, len);
	t->sent += len;
	return len;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transaction *t = ctx;

	return atomic_load(&t->mailer->stopping) ? 1 : 0;
}

/*
 * What the outcome means for this mail. A 5xx is a refusal of the mail only after the relay has
 * begun to take it (MAIL, RCPT, DATA): before, the relay has a problem of its own, and the mail
 * waits.
 */
static void judge(
	const struct transaction *t, CURLcode rc, const char *words, struct mw_mail_result *out)
{
	bool of_mail = rc == CURLE_SEND_ERROR || t->sent > 0;

	out->id = t->record->id;
	out->code = t->code;
	if (rc == CURLE_OK) {
		out->outcome = MW_MAIL_ACCEPTED;
		out->refused_count = t->refused_count;
		if (t->refused_count > 0)
			snprintf(out->reply, sizeof(out->reply),
				"%.100s; but %u recipients refused: %.100s", t->reply,
				t->refused_count, t->refused);
		else
			snprintf(out->reply, sizeof(out->reply), "%s", t->reply);
		return;
	}
	out->outcome = of_mail && t->code >= 500 ? MW_MAIL_REFUSED : MW_MAIL_DEFERRED;
	if (t->code >= 400) {
		snprintf(out->reply, sizeof(out->reply), "%s", t->reply);
	} else {
		out->code = 0;
		copy_printable(out->reply, sizeof(out->reply), words, strlen(words));
	}
}

static void set_up(
	CURL *curl, const struct mw_relay *relay, struct transaction *t, char *url, size_t url_size)
{
	bool v6 = strchr(relay->host, ':') != NULL;

	snprintf(url, url_size, "smtp://%s%s%s:%u/%s", v6 ? "[" : "", relay->host, v6 ? "]" : "",
		relay->port, relay->helo);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)relay->connect_s);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)relay->total_s);
	curl_easy_setopt(curl, CURLOPT_USE_SSL,
		(long)(relay->tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	/* Opportunistic TLS does not check names (RFC 7435); demanded TLS does. */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, relay->tls_required ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, relay->tls_required ? 2L : 0L);
	if (relay->user[0] != '\0') {
		curl_easy_setopt(curl, CURLOPT_USERNAME, relay->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, relay->password);
	}
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* sic */
}

static void send_mail(struct mw_mailer *m, const struct mw_relay *relay,
	const struct mw_outbox_record *record, struct mw_mail_result *result)
{
	struct transaction t = {.mailer = m, .record = record};
	struct curl_slist *to = NULL;
	char error[CURL_ERROR_SIZE] = "", url[512], path[MW_CONTACT_EMAIL_MAX + 2];
	CURL *curl = curl_easy_init();
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	memset(result, 0, sizeof(*result));
	if (curl != NULL) {
		set_up(curl, relay, &t, url, sizeof(url));
		snprintf(path, sizeof(path), "<%s>", record->from);
		curl_easy_setopt(curl, CURLOPT_MAIL_FROM, path);
		for (uint8_t i = 0; i < record->to_count; i++) {
			snprintf(path, sizeof(path), "<%s>", record->to[i]);
			to = curl_slist_append(to, path);
		}
		curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
		rc = curl_easy_perform(curl);
	}
	judge(&t, rc, error[0] != '\0' ? error : curl_easy_strerror(rc), result);
	curl_slist_free_all(to);
	curl_easy_cleanup(curl);
}

static void *work(void *ctx)
{
	struct mw_mailer *m = ctx;

	pthread_mutex_lock(&m->lock);
	while (!atomic_load(&m->stopping)) {
		struct mw_outbox_record *record;
		struct mw_mail_result result;
		struct mw_relay relay;
		uint64_t one = 1;

		if (m->queue_count == 0) {
			pthread_cond_wait(&m->wake, &m->lock);
			continue;
		}
		record = m->queue[m->queue_head];
		m->queue_head = (m->queue_head + 1) % MW_MAILER_QUEUE_MAX;
		m->queue_count--;
		m->current_id = record->id;
		relay = m->relay;
		pthread_mutex_unlock(&m->lock);
		send_mail(m, &relay, record, &result);
		free(record);
		pthread_mutex_lock(&m->lock);
		m->results[(m->result_head + m->result_count++) % MW_MAILER_QUEUE_MAX] = result;
		m->current_id = 0;
		if (write(m->event_fd, &one, sizeof(one)) != sizeof(one))
			continue; /* only a counter at its limit refuses, and then it is readable
				     anyway */
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct mw_mailer *mw_mailer_start(const struct mw_relay *relay, char *error, size_t error_size)
{
	struct mw_mailer *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL) {
		snprintf(error, error_size, "no memory for the mailer");
		return NULL;
	}
	pthread_once(&curl_once, init_curl);
	m->relay = *relay;
	m->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->wake, NULL);
	rc = m->event_fd < 0 ? errno : pthread_create(&m->thread, NULL, work, m);
	if (rc != 0) {
		snprintf(error, error_size, "the mailer cannot start: %s", strerror(rc));
		if (m->event_fd >= 0)
			close(m->event_fd);
		free(m);
		return NULL;
	}
	return m;
}

int mw_mailer_fd(const struct mw_mailer *m)
{
	return m->event_fd;
}

static bool known(const struct mw_mailer *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->queue_count; i++)
		if (m->queue[(m->queue_head + i) % MW_MAILER_QUEUE_MAX]->id == id)
			return true;
	for (uint32_t i = 0; i < m->result_count; i++)
		if (m->results[(m->result_head + i) % MW_MAILER_QUEUE_MAX].id == id)
			return true;
	return m->current_id == id;
}

int mw_mailer_submit(struct mw_mailer *m, const struct mw_outbox_record *record)
{
	struct mw_outbox_record *copy;
	int rc = 0;

	if (record->id == 0 || record->to_count == 0 ||
		record->to_count > MW_OUTBOX_RECIPIENTS_MAX || record->octets_len == 0 ||
		record->octets_len > MW_OUTBOX_OCTETS_MAX)
		return -EINVAL;
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	*copy = *record;
	pthread_mutex_lock(&m->lock);
	if (known(m, record->id))
		rc = -EEXIST;
	else if (m->queue_count + m->result_count + (m->current_id != 0) >= MW_MAILER_QUEUE_MAX)
		rc = -EAGAIN;
	if (rc == 0) {
		m->queue[(m->queue_head + m->queue_count++) % MW_MAILER_QUEUE_MAX] = copy;
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
	if (rc != 0)
		free(copy);
	return rc;
}

int mw_mailer_result(struct mw_mailer *m, struct mw_mail_result *out)
{
	uint64_t count;
	int got = 0;

	pthread_mutex_lock(&m->lock);
	if (m->result_count > 0) {
		*out = m->results[m->result_head];
		m->result_head = (m->result_head + 1) % MW_MAILER_QUEUE_MAX;
		m->result_count--;
		got = 1;
	}
	if (m->result_count == 0 && read(m->event_fd, &count, sizeof(count)) < 0)
		got += 0; /* EAGAIN: it was not readable, which is what is wanted */
	pthread_mutex_unlock(&m->lock);
	return got;
}

void mw_mailer_set_relay(struct mw_mailer *m, const struct mw_relay *relay)
{
	pthread_mutex_lock(&m->lock);
	m->relay = *relay;
	pthread_mutex_unlock(&m->lock);
}

void mw_mailer_stop(struct mw_mailer *m)
{
	if (m == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->stopping, true);
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	for (uint32_t i = 0; i < m->queue_count; i++)
		free(m->queue[(m->queue_head + i) % MW_MAILER_QUEUE_MAX]);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	close(m->event_fd);
	free(m);
}
