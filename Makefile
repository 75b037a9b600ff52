# auth0perm: `make demo` shows it, `make test` proves it, `make` builds it for one Lua, `make help` lists the rest.

LUA ?= lua5.4
BUILD ?= build/$(LUA)
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
# Where the module goes: below PREFIX if one is given, else where this Lua's pkg-config file says.
PREFIX ?=
DESTDIR ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# The tests build with WERROR=-Werror; a user's newer compiler must not stop a build by knowing more warnings.
WERROR ?=
STANDARD := -std=c11 -D_POSIX_C_SOURCE=200809L -fPIC -fvisibility=hidden
LUA_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LUA))
CURL_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl)
CURL_LIBS = $(shell $(PKG_CONFIG) --libs libcurl)
# nodelete: lua_close must not unmap code that one of libcurl's resolver threads may still return into.
MODULE_LDFLAGS := -shared -Wl,-z,nodelete -Wl,-z,relro

# The core knows neither Lua nor libcurl, and is compiled without their flags.
CORE := buffer error encode operation response retry bucket token request client call
LUA_SIDE := lua_values lua_crank lua_call lua_client
OBJECTS := $(addprefix $(BUILD)/src/,$(addsuffix .o,$(CORE) curl_driver $(LUA_SIDE))) $(BUILD)/lua_auth0perm.o
MODULE := $(BUILD)/auth0perm.so

all: $(MODULE)

$(MODULE): $(OBJECTS)
	$(CC) $(MODULE_LDFLAGS) $(LDFLAGS) -o $@ $^ $(CURL_LIBS) -lpthread -lm

$(addprefix $(BUILD)/src/,$(addsuffix .o,$(LUA_SIDE))) $(BUILD)/lua_auth0perm.o: ROOM_CFLAGS = $(LUA_CFLAGS)
$(BUILD)/src/curl_driver.o: ROOM_CFLAGS = $(CURL_CFLAGS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARNINGS) $(WERROR) $(CFLAGS) $(CPPFLAGS) $(ROOM_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)
