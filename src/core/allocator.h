/* allocator: where the module's memory comes from. The functions have the shape of lua_Alloc, so a host's
 * allocator (lua_getallocf) serves as it is; whoever frees a block knows its size. */
#ifndef AUTH0PERM_CORE_ALLOCATOR_H
#define AUTH0PERM_CORE_ALLOCATOR_H

#include <stddef.h>

struct allocator {
  void *(*reallocate)(void *context, void *block, size_t old_size, size_t new_size);
  void *context;
};

/* A new block of `size` bytes, uninitialised; NULL when there is no memory. */
static inline void *allocator_take(const struct allocator *allocator, size_t size) {
  return allocator->reallocate(allocator->context, NULL, 0, size);
}

/* Gives back a block of `size` bytes. A NULL block is let pass. */
static inline void allocator_give_back(const struct allocator *allocator, void *block, size_t size) {
  if (block) allocator->reallocate(allocator->context, block, size, 0);
}

#endif
