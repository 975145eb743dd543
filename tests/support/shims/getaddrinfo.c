/*
 * Preloaded: name resolution as a test wants it. In the environment:
 *	PGM_SHIM_HOSTS="twoaddr=127.0.0.2,127.0.0.1 nowhere="   names and their addresses, in that order; none:
 *	                                                        the name is unknown
 *	PGM_SHIM_RESOLVE_MS=5000                                how long any name takes; numeric hosts do not
 * Both are read at every call, so a test can change them with setenv between two connects. The rest goes to
 * the real getaddrinfo. Lists are made of real ones, so the real freeaddrinfo frees them.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int (*real_getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static real_getaddrinfo real(void)
{
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	real_getaddrinfo fn;

	memcpy(&fn, &symbol, sizeof(fn)); /* ISO C knows no cast from object to function */
	return fn;
}

static void take_time(void)
{
	const char *ms = getenv("PGM_SHIM_RESOLVE_MS");
	long n = ms ? atol(ms) : 0;
	struct timespec left = {.tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000};

	while (n > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* Where "name=" is followed by its addresses in PGM_SHIM_HOSTS; NULL: not there. */
static const char *addresses_of(const char *name)
{
	const char *hosts = getenv("PGM_SHIM_HOSTS");
	size_t len = strlen(name);

	while (hosts && *hosts) {
		if (strncmp(hosts, name, len) == 0 && hosts[len] == '=')
			return hosts + len + 1;
		hosts += strcspn(hosts, " ");
		hosts += strspn(hosts, " ");
	}
	return NULL;
}

static int resolve_list(const char *list, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **end = out;
	char address[64];
	int failed;

	*out = NULL;
	while (*list && *list != ' ') {
		size_t len = strcspn(list, ", ");

		if (len >= sizeof(address))
			return EAI_FAIL;
		memcpy(address, list, len);
		address[len] = '\0';
		failed = real()(address, service, hints, end);
		/* A family that the caller does not want: as if the address were not there. */
		while (!failed && *end)
			end = &(*end)->ai_next;
		list += len + (list[len] == ',');
	}
	return *out ? 0 : EAI_NONAME;
}

static int is_numeric(const char *name)
{
	return strchr(name, ':') || strspn(name, "0123456789.") == strlen(name);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	const char *list;

	if (!name || is_numeric(name) || (hints && hints->ai_flags & AI_NUMERICHOST))
		return real()(name, service, hints, out);
	take_time();
	list = addresses_of(name);
	return list ? resolve_list(list, service, hints, out) : real()(name, service, hints, out);
}
