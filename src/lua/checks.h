/* checks: what all arguments have in common: the types that are expected, messages that name the place, and tables of
 * the user's, read without running a metamethod. */
#ifndef AUTH0PERM_LUA_CHECKS_H
#define AUTH0PERM_LUA_CHECKS_H

#include <lua.h>

#include "../core/text.h"

struct call;
struct error;

/* The largest whole number up to which every whole number is exact in a double: 2^53. */
extern const double CHECKS_WHOLE_MAX;

/* Whether a number is whole and exact in a double. */
bool checks_is_whole(double number);

/* The string at a stack index, which belongs to Lua. A number there becomes a string. */
struct text checks_text(lua_State *L, int index);

/* Whom a message is for: the function that the user called, and how far up the stack the user's code stands: 1 is the
 * function that called this C function, 2 the one that called that. */
struct caller {
  const char *function;
  int level;
};

/* Raises "bad argument #position to 'function' (message)". Positions are the user's: without `self`. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5), noreturn))
#endif
void checks_raise(lua_State *L, int position, const char *function, const char *format, ...);

/* The same, for a caller who may stand behind a driver written in Lua. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5), noreturn))
#endif
void checks_raise_for(lua_State *L, const struct caller *caller, int position, const char *format, ...);

/* The name of a value's type; nil also where there is no value. */
const char *checks_typename(lua_State *L, int index);

/* A number as text, or the name of another value's type. The text lives on the stack. */
const char *checks_shown(lua_State *L, int index);

/* The string at a stack index; anything else, a number too, raises and names the argument. The string belongs to
 * Lua. */
struct text checks_string(lua_State *L, int index, int position, const char *function, const char *name);
struct text checks_string_for(lua_State *L, const struct caller *caller, int index, int position, const char *name);

enum { CHECKS_PLACE_SIZE = 160 /* bytes of "permissions[3].permission_name" and the like */ };

/* Where an argument is being read. */
struct reading {
  lua_State *L;
  int position; /* the user's, of the argument */
  struct caller caller;
  struct call *call;
  struct error *error;
};

/* Raises where the value on top of the stack is no table. */
void checks_table(const struct reading *reading, const char *place);

/* An item of a list, put into words only where a message needs them. */
struct checks_item {
  const char *list;  /* its place, such as "permissions" */
  lua_Integer index; /* counted from 1 */
};

/* Writes "permissions[3]" into CHECKS_PLACE_SIZE bytes; what is too long is cut. Returns the text. */
const char *checks_describe(const struct checks_item *item, char *text);

/* The string on top of the stack, which stays there; anything else raises. `field` is a member of the item, or NULL. */
struct text checks_member(const struct reading *reading, const struct checks_item *item, const char *field);

/* Pushes a member of the table on top of the stack. */
void checks_push_member(lua_State *L, const char *name);

/* The length of the list on top of the stack is the number of its members, so that one behind a hole is missed by
 * nobody. Raises where a key is no number. */
lua_Integer checks_count(const struct reading *reading, const char *place);

/* Pushes the keys of the table on top of the stack, sorted, so that the same values always make the same body: a table
 * has no order of its own. The strings belong to the pushed value. Raises an error that names the place if a key is not
 * a string. */
const struct text *checks_push_keys(const struct reading *reading, const char *place, size_t *count);

#endif
