/* table: tables that users hand over, read without running a metamethod, and messages that name the place. */
#ifndef AUTH0PERM_LUA_TABLE_H
#define AUTH0PERM_LUA_TABLE_H

#include "values.h"

enum { TABLE_PLACE_SIZE = 160 /* bytes of "permissions[3].permission_name" and the like */ };

/* Where an argument is being read. */
struct reading {
  lua_State *L;
  int position; /* the user's, of the argument */
  const char *function;
  struct call *call;
  struct error *error;
};

/* Raises where the value on top of the stack is no table. */
void table_check(const struct reading *reading, const char *place);

/* The string on top of the stack, which stays there; anything else raises. `field` is a member of the place, or NULL. */
struct text table_check_string(const struct reading *reading, const char *place, const char *field);

/* Pushes a member of the table on top of the stack. */
void table_push_member(lua_State *L, const char *name);

/* The length of the list on top of the stack is the number of its members, so that one behind a hole is missed by nobody.
 * Raises where a key is no number. */
lua_Integer table_count(const struct reading *reading, const char *place);

/* Pushes the keys of the table on top of the stack, sorted: a table has no order of its own, and the same values are to
 * make the same body each time. The strings belong to the table. Raises `complaint`, behind the place, where a key is no
 * string. */
const struct text *table_push_keys(const struct reading *reading, const char *place, const char *complaint,
                                   size_t *count);

#endif
