#include "connection/resolve.h"

#include <errno.h>
#include <netdb.h>
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

bool pgm__resolve(const char *host, pgm__addresses *out, pgm_error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);
	bool enough_memory = true;

	*out = (pgm__addresses){0};
	if (rc != 0)
		return pgm__fail(err, PGM_ERR_CONNECT, "cannot resolve host \"%s\": %s", host,
				 rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	for (const struct addrinfo *info = list; info && enough_memory; info = info->ai_next)
		enough_memory = add_address(out, info);
	freeaddrinfo(list);
	if (enough_memory && out->count > 0)
		return true;
	pgm__addresses_free(out);
	return enough_memory ? pgm__fail(err, PGM_ERR_CONNECT, "cannot resolve host \"%s\": it has no address", host)
			     : pgm__fail_nomem(err, "resolve a host name");
}

void pgm__addresses_free(pgm__addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		free(addresses->text[i]);
	free(addresses->text);
	*addresses = (pgm__addresses){0};
}
