/* slow_resolver: a host name that takes long to resolve. Replaces the C library's getaddrinfo, which libcurl calls in a
 * thread of its own. */
#ifndef SPEC_EMBED_SLOW_RESOLVER_H
#define SPEC_EMBED_SLOW_RESOLVER_H

#define SLOW_NAME "slow.test" /* resolves to 127.0.0.1 */

enum { SLOW_MILLISECONDS = 400 };

/* Returns how many threads are resolving the name. */
int slow_resolver_inside(void);

#endif
