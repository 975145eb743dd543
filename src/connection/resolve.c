#include "connection/resolve.h"

#include "base/pipe.h"
#include "base/thread.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool pgm__host_is_socket(const char *host)
{
	return !host || host[0] == '\0' || host[0] == '/' || host[0] == '@';
}

static bool has_address(const pgm__addresses *addresses, const char *text)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (strcmp(addresses->text[i], text) == 0)
			return true;
	return false;
}

static bool add_address(pgm__addresses *addresses, const struct addrinfo *info)
{
	char text[NI_MAXHOST];
	char **grown, *copy;

	if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0 ||
	    has_address(addresses, text))
		return true; /* what has no numeric form is no address to us */
	grown = realloc(addresses->text, (addresses->count + 1) * sizeof *grown);
	if (!grown)
		return false;
	addresses->text = grown;
	copy = strdup(text);
	if (!copy)
		return false;
	addresses->text[addresses->count++] = copy;
	return true;
}

static bool look_up(const char *host, int flags, pgm__addresses *out, pgm_error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);
	bool enough_memory = true;
	char words[128];

	*out = (pgm__addresses){0};
	if (rc != 0)
		return pgm__fail(err, PGM_ERR_CONNECT, "cannot resolve host \"%s\": %s", host,
				 rc == EAI_SYSTEM ? pgm__errno_text(errno, words, sizeof words) : gai_strerror(rc));
	for (const struct addrinfo *info = list; info && enough_memory; info = info->ai_next)
		enough_memory = add_address(out, info);
	freeaddrinfo(list);
	if (enough_memory && out->count > 0)
		return true;
	pgm__addresses_free(out);
	return enough_memory ? pgm__fail(err, PGM_ERR_CONNECT, "cannot resolve host \"%s\": it has no address", host)
			     : pgm__fail_nomem(err, "resolve a host name");
}

bool pgm__resolve_number(const char *host, pgm__addresses *out)
{
	return look_up(host, AI_NUMERICHOST, out, NULL);
}

void pgm__addresses_free(pgm__addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		free(addresses->text[i]);
	free(addresses->text);
	*addresses = (pgm__addresses){0};
}

/* -------------------------------------------------------------------------------- in a thread */

struct pgm__resolving {
	char *host;
	int answer[2]; /* a pipe */
	pthread_mutex_t lock;
	int users;		  /* locked: the thread, and who wants the answer */
	bool done;		  /* locked; from then on the thread has no part in what follows */
	pgm__addresses addresses; /* none: the error tells why */
	pgm_error error;
};

static void resolving_free(pgm__resolving *r)
{
	pgm__addresses_free(&r->addresses);
	pgm__pipe_close(r->answer);
	pthread_mutex_destroy(&r->lock);
	free(r->host);
	free(r);
}

static pgm__resolving *resolving_new(const char *host, pgm_error *err)
{
	pgm__resolving *r = calloc(1, sizeof *r);

	if (!r)
		goto no_memory;
	r->users = 1;
	r->answer[0] = r->answer[1] = -1;
	pthread_mutex_init(&r->lock, NULL);
	r->host = strdup(host);
	if (!r->host)
		goto no_memory;
	if (pgm__pipe_open(r->answer, err))
		return r;
	resolving_free(r);
	return NULL;
no_memory:
	if (r)
		resolving_free(r);
	pgm__fail_nomem(err, "resolve a host name");
	return NULL;
}

static void leave_locked(pgm__resolving *r)
{
	bool last = --r->users == 0;

	pthread_mutex_unlock(&r->lock);
	if (last)
		resolving_free(r);
}

static void *resolve_main(void *arg)
{
	pgm__resolving *r = arg;

	look_up(r->host, 0, &r->addresses, &r->error);
	pthread_mutex_lock(&r->lock);
	r->done = true;
	pgm__pipe_wake(r->answer);
	leave_locked(r);
	return NULL;
}

pgm__resolving *pgm__resolve_begin(const char *host, pgm_error *err)
{
	pgm__resolving *r = resolving_new(host, err);
	pthread_t thread;

	if (!r)
		return NULL;
	r->users++;
	if (pgm__thread_start(&thread, resolve_main, r)) {
		pthread_detach(thread);
		return r;
	}
	resolving_free(r);
	pgm__fail(err, PGM_ERR_NOMEM, "cannot start the thread that resolves host \"%s\"", host);
	return NULL;
}

int pgm__resolve_fd(const pgm__resolving *r)
{
	return r->answer[0];
}

bool pgm__resolve_is_done(pgm__resolving *r)
{
	bool done;

	pthread_mutex_lock(&r->lock);
	done = r->done;
	pthread_mutex_unlock(&r->lock);
	return done;
}

bool pgm__resolve_end(pgm__resolving *r, pgm__addresses *out, pgm_error *err)
{
	bool ok = r->addresses.count > 0;

	*out = r->addresses;
	r->addresses = (pgm__addresses){0};
	if (!ok)
		pgm__error_copy(err, &r->error);
	pgm__resolve_drop(r);
	return ok;
}

void pgm__resolve_drop(pgm__resolving *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	leave_locked(r);
}
