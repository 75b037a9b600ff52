/* checks: what all arguments have in common: checks of types, messages that name the place, and tables of the user,
 * read without metamethods. */
#ifndef AUTH0PERM_LUA_CHECKS_H
#define AUTH0PERM_LUA_CHECKS_H

#include <lua.h>

#include "../core/text.h"

struct call;
struct error;

/* 2^53: up to here, a double represents every whole number exactly. */
extern const double CHECKS_WHOLE_MAX;

/* Whether a number is whole and exact in a double. */
bool checks_is_whole(double number);

/* The string at a stack index, which Lua owns. A number there becomes a string. */
struct text checks_text(lua_State *L, int index);

/* Whom a message is for: the function that the user called, and the stack level of the user's code: 1 is the caller of
 * this C function, 2 the caller of that. */
struct caller {
  const char *function;
  int level;
};

/* Raises "bad argument #position to 'function' (message)". Positions are as the user sees them: without `self`. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5), noreturn))
#endif
void checks_raise(lua_State *L, int position, const char *function, const char *format, ...);

/* The same, for a caller that may be behind a driver written in Lua. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5), noreturn))
#endif
void checks_raise_for(lua_State *L, const struct caller *caller, int position, const char *format, ...);

/* The name of a value's type; "nil" also if there is no value. */
const char *checks_typename(lua_State *L, int index);

/* A number as text, or the name of another value's type. The text lives on the stack. */
const char *checks_shown(lua_State *L, int index);

/* The string at a stack index, which Lua owns. Anything else, even a number, raises an error that names the
 * argument. */
struct text checks_string(lua_State *L, int index, int position, const char *function, const char *name);
struct text checks_string_for(lua_State *L, const struct caller *caller, int index, int position, const char *name);

enum { CHECKS_PLACE_SIZE = 160 /* bytes of "permissions[3].permission_name" and the like */ };

/* The argument that is being read. */
struct reading {
  lua_State *L;
  int position; /* as the user sees it */
  struct caller caller;
  struct call *call;
  struct error *error;
};

/* Raises if the value at the top of the stack is not a table. */
void checks_table(const struct reading *reading, const char *place);

/* An item of a list, described in words only if a message needs it. */
struct checks_item {
  const char *list;  /* its place, such as "permissions" */
  lua_Integer index; /* counted from 1 */
};

/* Writes "permissions[3]" into CHECKS_PLACE_SIZE bytes, cut if it is too long. Returns the text. */
const char *checks_describe(const struct checks_item *item, char *text);

/* The string at the top of the stack, which stays there; anything else raises. `field` is a member of the item, or
 * NULL. */
struct text checks_member(const struct reading *reading, const struct checks_item *item, const char *field);

/* Pushes a member of the table at the top of the stack. */
void checks_push_member(lua_State *L, const char *name);

/* The number of members of the list at the top of the stack, so that an item behind a hole is not missed. Raises if a
 * key is not a number. */
lua_Integer checks_count(const struct reading *reading, const char *place);

/* Pushes the keys of the table at the top of the stack, sorted, so that the same values always make the same body: a
 * table has no order of its own. The pushed value owns the strings. Raises an error that names the place if a key is
 * not a string. */
const struct text *checks_push_keys(const struct reading *reading, const char *place, size_t *count);

#endif
