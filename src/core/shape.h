/* shape: facts about JSON without decoding it: the kind of a value, the kind of a member, and how much memory it takes
 * once decoded. Needed because a decoder turns both {} and [] into the same empty table. */
#ifndef AUTH0PERM_CORE_SHAPE_H
#define AUTH0PERM_CORE_SHAPE_H

#include "text.h"

enum shape {
  SHAPE_NOTHING, /* no value */
  SHAPE_OBJECT,
  SHAPE_ARRAY,
  SHAPE_OTHER /* another value, or not JSON */
};

/* Returns the kind of value that the text holds, judging by its first byte. */
enum shape shape_of(struct text json);

/* Returns the kind of an object's member; of several members with this name, the last counts. `json` must be valid.
 * Returns SHAPE_NOTHING if there is no such member, and SHAPE_OTHER if a member's name is written with escapes: it
 * could be this one, and the API writes no name like that. */
enum shape shape_of_member(struct text json, const char *name);

/* Estimates the memory, in bytes, that this JSON takes as Lua values; never less than its length. */
size_t shape_memory(struct text json);

#endif
