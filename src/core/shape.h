/* shape: what JSON looks like from outside, without decoding it: what kind of value a text is, what one of its members
 * is, and how much memory it takes once decoded. A decoder makes the same empty table of {} and of []. */
#ifndef AUTH0PERM_CORE_SHAPE_H
#define AUTH0PERM_CORE_SHAPE_H

#include "text.h"

enum shape {
  SHAPE_NOTHING, /* no value at all */
  SHAPE_OBJECT,
  SHAPE_ARRAY,
  SHAPE_OTHER /* another value, or not JSON */
};

/* The shape of a text, judged by its first byte. */
enum shape shape_of(struct text json);

/* The shape of a member of an object; the last one counts where several have this name. `json` is valid JSON.
 * SHAPE_NOTHING: it has no such member, or spells the name with escapes. */
enum shape shape_of_member(struct text json, const char *name);

/* How many bytes of memory this JSON takes as Lua values, estimated; never less than its length. */
size_t shape_memory(struct text json);

#endif
