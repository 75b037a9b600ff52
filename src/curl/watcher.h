/* watcher: waits for sockets, all of them through one descriptor that a host's event loop can wait for in turn: epoll
 * on Linux, kqueue on macOS and BSD. Elsewhere it is poll, and there is no such descriptor. */
#ifndef AUTH0PERM_CURL_WATCHER_H
#define AUTH0PERM_CURL_WATCHER_H

#include <stdbool.h>

#include "../core/allocator.h"

/* A socket, what its owner wants to know of it, and what the kernel has been asked to tell. */
struct watched {
  int socket;
  bool lasting; /* it was announced, and so will be its end */
  int port;     /* of its own end, once that was asked for; else 0 */
  bool read, write;
  bool asked_read, asked_write;
};

struct watcher {
  struct allocator allocator;
  int descriptor; /* of the kernel's watcher; -1: none */
  struct watched *sockets;
  size_t count, capacity; /* of `sockets` */
};

/* A socket that has something to do. */
struct ready {
  int socket;
  bool read, write, error;
};

/* False: the process has no descriptor left; the watcher still has to be closed. */
bool watcher_open(struct watcher *watcher, struct allocator allocator);

/* Makes room for so many more sockets, which then need no memory when they come. False: no memory. */
bool watcher_reserve(struct watcher *watcher, size_t count);

/* Announces a socket that will be wanted again and again until watcher_remove: while it is not wanted, the kernel need
 * not be told. False: no memory. */
bool watcher_add(struct watcher *watcher, int socket);

/* The socket is about to be closed. */
void watcher_remove(struct watcher *watcher, int socket);

/* What is to be known of a socket from now on: that it can be read, or written. False: no memory,
 * here or in the kernel. */
bool watcher_want(struct watcher *watcher, int socket, bool read, bool write);

/* Whether something can be read, or the end be seen, on an announced socket with this port at its own end. True also
 * where there is no such socket: then nothing is known of it. */
bool watcher_can_read(struct watcher *watcher, int port);

/* Waits until a socket has something to do, for so many seconds at the most. Returns how many have, up to `most`. */
size_t watcher_wait(struct watcher *watcher, double seconds, struct ready *ready, size_t max);

/* Frees everything and closes the descriptor, but not the sockets. */
void watcher_close(struct watcher *watcher);

/* The same in a child process, which shares the sockets with its parent: closes the child's ends of those that were
 * announced, without a word on the wire, and leaves those of the parent as they are. */
void watcher_abandon(struct watcher *watcher);

#endif
