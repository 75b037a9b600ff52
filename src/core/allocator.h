/* allocator: where the module gets its memory. The function has the signature of lua_Alloc, so a host program's
 * allocator (lua_getallocf) can be used as is; the caller that frees a block passes its size. */
#ifndef AUTH0PERM_CORE_ALLOCATOR_H
#define AUTH0PERM_CORE_ALLOCATOR_H

#include <stddef.h>

struct allocator {
  void *(*reallocate)(void *context, void *block, size_t old_size, size_t new_size);
  void *context;
};

/* Returns a new, uninitialized block of `size` bytes, or NULL if memory runs out. */
static inline void *allocator_take(const struct allocator *allocator, size_t size) {
  return allocator->reallocate(allocator->context, NULL, 0, size);
}

/* Frees a block of `size` bytes. NULL is ignored. */
static inline void allocator_give_back(const struct allocator *allocator, void *block, size_t size) {
  if (block) allocator->reallocate(allocator->context, block, size, 0);
}

#endif
