#include "turn.h"

#include "answer.h"
#include "compat.h"

/* One turn. */
struct turning {
  lua_State *L;
  int anchors;      /* stack index of the table; the slot above it is for the value that an interrupt raises */
  bool interrupted; /* the slot holds such a value */
};

/* Calls the host program's token function, and gives the call its results. If the function raises, the call ends, but
 * not the turn. */
static void supply(void *context, struct crank_seat *seat, double now) {
  const struct turning *turning = context;
  struct held *held = seat->owner;
  lua_State *L = turning->L;
  int top = lua_gettop(L);
  lua_rawgeti(L, turning->anchors, TURN_TOKEN);
  if (lua_isfunction(L, -1)) {
    bool returned = lua_pcall(L, 0, 2, 0) == 0;
    held_supply(L, held, returned, top + 1, now);
  } else {
    static const char message[] = "the client has no token and no client_id";
    call_fail(&held->call, &(struct failure){.kind = FAILURE_TOKEN, .message = message}, now);
  }
  lua_settop(L, top);
}

/* Gives a call the response to its request. The items of a list go into its userdata's table. */
static void take(void *context, struct crank_seat *seat, struct exchange *exchange, double now) {
  struct turning *turning = context;
  struct held *held = seat->owner;
  lua_State *L = turning->L;
  int top = lua_gettop(L);
  compat_rawgetp(L, turning->anchors, held);
  compat_getuservalue(L, -1);
  lua_rawgeti(L, -1, HELD_ITEMS);
  if (!answer_feed(L, -1, &held->call, &exchange->response, buffer_text(&exchange->body), now)) {
    lua_replace(L, turning->anchors + 1);
    turning->interrupted = true;
  }
  lua_settop(L, top);
}

enum turn_result turn_crank(lua_State *L, struct crank *crank, double seconds) {
  struct turning turning = {.L = L, .anchors = lua_gettop(L)};
  struct crank_host host = {.context = &turning, .supply = supply, .take = take};
  lua_pushnil(L);
  bool turned = crank_turn(crank, &host, seconds);
  lua_settop(L, turning.interrupted ? turning.anchors + 1 : turning.anchors);
  if (turning.interrupted) return TURN_INTERRUPTED;
  return turned ? TURN_DONE : TURN_BUSY;
}

enum turn_result turn_conclude(lua_State *L, struct crank *crank) {
  struct crank_seat *seat;
  int anchors = lua_gettop(L);
  size_t count = crank_finished_count(crank);
  while (count-- > 0 && (seat = crank_finished(crank))) {
    struct held *held = seat->owner;
    compat_rawgetp(L, anchors, held);
    if (!held_conclude(L, held)) {
      crank_put_back(crank, seat);
      lua_replace(L, anchors + 1);
      lua_settop(L, anchors + 1);
      return TURN_INTERRUPTED;
    }
    lua_pushnil(L);
    compat_rawsetp(L, anchors, held);
    lua_pop(L, 1);
  }
  return TURN_DONE;
}
