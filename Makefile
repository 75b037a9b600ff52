# auth0perm. `make help` lists the targets.

LUA ?= lua5.4
BUILD ?= build/$(LUA)
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
INSTALL ?= install
# Where files are installed: below PREFIX if it is set, otherwise where this Lua's pkg-config file says.
PREFIX ?=
DESTDIR ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# The tests build with WERROR=-Werror; the new warnings of a newer compiler must not stop a user's build.
WERROR ?=
STANDARD := -std=c11 -D_POSIX_C_SOURCE=200809L -fPIC -fvisibility=hidden
# nodelete: lua_close must not unmap code that one of libcurl's resolver threads may still return into.
MODULE_LDFLAGS := -shared -Wl,-z,nodelete -Wl,-z,relro

LUA_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(LUA))
LUA_LIBS = $(shell $(PKG_CONFIG) --libs $(LUA))
CURL_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl)
CURL_LIBS = $(shell $(PKG_CONFIG) --libs libcurl)
CRYPTO_CFLAGS = $(shell $(PKG_CONFIG) --cflags libssl libcrypto)
CRYPTO_LIBS = $(shell $(PKG_CONFIG) --libs libssl libcrypto)
LUA_VERSION = $(shell $(LUA) -e 'print((_VERSION:gsub("Lua ", "")))')
LUA_CMOD = $(if $(PREFIX),$(PREFIX)/lib/lua/$(LUA_VERSION),$(shell $(PKG_CONFIG) --variable=INSTALL_CMOD $(LUA)))
LUA_LMOD = $(if $(PREFIX),$(PREFIX)/share/lua/$(LUA_VERSION),$(shell $(PKG_CONFIG) --variable=INSTALL_LMOD $(LUA)))
SHARE = $(if $(PREFIX),$(PREFIX),/usr)/share/auth0perm

# The floors. Each is compiled with only its own flags, so that the core cannot include Lua or libcurl by accident.
CORE_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/core/*.c))
CURL_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/curl/*.c))
LUA_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/lua/*.c)) $(BUILD)/lua_auth0perm.o
OBJECTS := $(CORE_OBJECTS) $(CURL_OBJECTS) $(LUA_OBJECTS)
MODULE := $(BUILD)/auth0perm.so
# The files with documentation comments, in the order of the reference.
DOCUMENTED := lua_auth0perm.c src/lua/client.c src/lua/configuration.c src/core/operation.c src/lua/call.c \
  src/lua/prepared.c src/lua/operations.c src/lua/arguments.c src/lua/options.c src/lua/error.c
DOCUMENTED_OPENRESTY := src/auth0perm/openresty.lua src/auth0perm/openresty/light_call.lua

# Debian packages; "a/b" is called a on Debian 12 and b on Debian 13. LUA_PACKAGES are the package of LUA and its
# headers.
LUAJIT_PACKAGES := luajit2/luajit libluajit2-5.1-dev/libluajit-5.1-dev
LUA_PACKAGES = $(if $(filter luajit,$(LUA)),$(LUAJIT_PACKAGES),$(LUA) lib$(LUA:lua5.1=lua5.1-0)-dev)
BUILD_PACKAGES := pkg-config libcurl4-openssl-dev libssl-dev lua-cjson
DEMO_PACKAGES := $(BUILD_PACKAGES) nginx libnginx-mod-http-lua lua-resty-core openssl
# What `make test` needs: the two Luas that most hosts have, what the specs use, and a C compiler.
TEST_PACKAGES := $(DEMO_PACKAGES) gcc lua5.4 liblua5.4-dev $(LUAJIT_PACKAGES) lua-busted lua-socket lua-cqueues \
  lua-sec lua-luv luarocks libcmocka-dev tinyproxy-bin curl binutils procps
# An installed npm is kept: Debian's conflicts with those of other package sources.
NODE_PACKAGES := $(if $(shell command -v npm 2>/dev/null),,nodejs npm)
# What `make test-all` needs in addition.
ALL_TEST_PACKAGES := lua5.3 liblua5.3-dev lua5.2 liblua5.2-dev lua5.1 liblua5.1-0-dev lua-check clang libclang-rt-dev \
  clang-format chromium $(NODE_PACKAGES)

all: found $(MODULE)

# For host programs that link the module statically. Its files call each other by short names, which must not clash with
# the host program's: they become one object that exports only luaopen_auth0perm.
STATIC := $(BUILD)/libauth0perm.a
OBJCOPY ?= objcopy

static: found $(STATIC)

$(STATIC): $(OBJECTS)
	$(LD) -r -o $(BUILD)/libauth0perm.o $^
	$(OBJCOPY) --localize-hidden $(BUILD)/libauth0perm.o
	rm -f $@
	$(AR) rcs $@ $(BUILD)/libauth0perm.o

# Says what is missing before a compiler does.
found:
	@command -v $(PKG_CONFIG) >/dev/null || \
	  { echo 'pkg-config is missing; on Debian: apt install pkg-config' >&2; exit 1; }
	@$(if $(LUA_CFLAGS),:,$(PKG_CONFIG) --exists $(LUA)) || \
	  { echo 'pkg-config cannot find $(LUA); on Debian: apt install $(subst /, or ,$(lastword $(LUA_PACKAGES)))' >&2; \
	    exit 1; }
	@$(PKG_CONFIG) --exists 'libcurl >= 7.80' libssl libcrypto || \
	  { echo 'pkg-config cannot find libcurl 7.80 or later, or libssl; on Debian: apt install $(BUILD_PACKAGES)' >&2; \
	    exit 1; }

$(MODULE): $(OBJECTS)
	$(CC) $(MODULE_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CURL_LIBS) $(CRYPTO_LIBS) -lpthread -lm

$(LUA_OBJECTS): ROOM_CFLAGS = $(LUA_CFLAGS)
$(CURL_OBJECTS): ROOM_CFLAGS = $(CURL_CFLAGS) $(CRYPTO_CFLAGS)
$(BUILD)/src/core/assertion.o: ROOM_CFLAGS = $(CRYPTO_CFLAGS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARNINGS) $(WERROR) $(CFLAGS) $(CPPFLAGS) $(ROOM_CFLAGS) -MMD -MP -c -o $@ $<

# Compiles only what differs between Lua versions: see spec/suites.lua.
lua-objects: found $(LUA_OBJECTS)

# --- unit tests of the core, torture

CORE_TESTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard spec/core/*.c))

$(CORE_TESTS): ROOM_CFLAGS = -Isrc

$(BUILD)/core-tests: $(CORE_TESTS) $(CORE_OBJECTS) $(patsubst %,$(BUILD)/src/curl/%.o,queue receiver watcher)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(CRYPTO_LIBS) -lm

# Fails every allocation in turn; the comment at the top of torture.c explains it.
TORTURE := $(BUILD)/torture

$(BUILD)/spec/torture/torture.o: ROOM_CFLAGS = $(LUA_CFLAGS) $(CURL_CFLAGS)

$(TORTURE): $(BUILD)/spec/torture/torture.o $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LUA_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS) -lpthread -lm

torture: $(TORTURE)
	@LSAN_OPTIONS='suppressions=$(CURDIR)/spec/leaks.supp:print_suppressions=0' exec spec/tenant/run -- $(TORTURE)

# --- static host programs: the example, and those that check what a host program sees

HOST_LIBS = $(LUA_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS) -lpthread -lm
EMBED := $(BUILD)/embed
HOST_PROGRAMS := $(BUILD)/leaves $(BUILD)/forks $(BUILD)/sigpipe
THREADS := $(BUILD)/threads
HOST_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard examples/embed/*.c spec/embed/*.c spec/threads/*.c))

$(HOST_OBJECTS): ROOM_CFLAGS = $(LUA_CFLAGS) $(CURL_CFLAGS)

$(EMBED): $(BUILD)/examples/embed/host.o $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

$(HOST_PROGRAMS): $(BUILD)/%: $(BUILD)/spec/embed/%.o $(BUILD)/spec/embed/state.o $(BUILD)/spec/embed/slow_resolver.o \
  $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

# What the specs in spec/embed run.
hosts: found $(HOST_PROGRAMS) $(EMBED)

# For a build with -fsanitize=thread, see spec/suites.lua.
$(THREADS): $(BUILD)/spec/threads/threads.o $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

threads: $(THREADS)
	@spec/tenant/run -- spec/threads/run $(THREADS)

embed: found $(EMBED)
	@spec/tenant/run -- examples/embed/run $(EMBED)

-include $(OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d) $(CORE_TESTS:.o=.d) $(BUILD)/spec/torture/torture.d

help:
	@echo 'make LUA=lua5.4      builds build/lua5.4/auth0perm.so; also lua5.5, lua5.3, lua5.2, lua5.1, luajit'
	@echo 'make demo            installs missing packages, then removes permissions from a user of a mock tenant'
	@echo 'make demo-openresty  installs missing packages, then serves the permission desk for a mock tenant'
	@echo 'make test            installs missing packages, then tests module, OpenResty driver, installation and demo'
	@echo 'make test-all        tests everything: all Luas, sanitizers, a browser, and more'
	@echo 'make check           runs specs on one Lua: make LUA=luajit check SPECS=spec/module/list_spec.lua'
	@echo 'make style           checks includes, names, line widths, clang-format and luacheck'
	@echo 'make format          formats the C sources'
	@echo 'make static          builds build/LUA/libauth0perm.a, for host programs that link the module statically'
	@echo 'make embed           runs such a host program: two Lua states in a frame loop, against a mock tenant'
	@echo 'make threads         runs Lua states on several threads, for a build with -fsanitize=thread'
	@echo 'make torture         fails every allocation in turn, on one Lua'
	@echo 'make pacing          simulates pacing against models of the rate limiter'
	@echo 'make bench           compares the module with raw libcurl, and measures how long it blocks frames and nginx'
	@echo 'make tenant          starts a mock tenant, to test your own scripts with'
	@echo 'make reference       generates doc/reference.md and types/ from the comments in the sources'
	@echo 'make pictures        draws doc/pictures/*.svg from the text files next to them'
	@echo 'make install         installs for one Lua; obeys LUA, PREFIX and DESTDIR'
	@echo 'make dist            writes build/auth0perm-VERSION.tar.gz from the latest commit'
	@echo 'make uninstall       removes what make install installed with the same LUA, PREFIX and DESTDIR'
	@echo 'make clean           removes build/'

demo:
	@tools/install-packages $(DEMO_PACKAGES) $(LUA_PACKAGES)
	@$(MAKE) --no-print-directory -s all
	@LUA_CPATH='$(BUILD)/?.so;;' exec spec/tenant/run -- $(LUA) examples/demo.lua

demo-openresty: LUA := luajit
demo-openresty:
	@tools/install-packages $(DEMO_PACKAGES) $(LUA_PACKAGES)
	@$(MAKE) --no-print-directory -s LUA=luajit all
	@spec/tenant/run --serve -- examples/openresty/run

# Suites run side by side; spec/README.md lists them.
test:
	@tools/install-packages $(TEST_PACKAGES)
	@exec spec/run test

test-all:
	@tools/install-packages $(TEST_PACKAGES) $(ALL_TEST_PACKAGES)
	@exec spec/run test more

# Only what test-all adds to test, for .ci/run.
test-more:
	@tools/install-packages $(TEST_PACKAGES) $(ALL_TEST_PACKAGES)
	@exec spec/run more

# The specs of one Lua: folders or files in SPECS.
SPECS ?= spec
# A sanitizer's library, to preload into the Lua that loads a module built with it. Other programs run without it: their
# own leaks would be reported.
PRELOAD ?=
check: all hosts
	@LUA='$(LUA)' BUILD='$(BUILD)' PRELOAD='$(PRELOAD)' exec spec/run specs $(SPECS)

style:
	@tools/style

format:
	@clang-format -i $$(find src spec bench examples lua_auth0perm.c -name '*.[ch]')

# Simulates pacing, and checks the figures in bench/pacing/results.md, with a margin.
PACING := $(BUILD)/pacing

$(PACING): $(wildcard bench/pacing/*.c bench/pacing/*.h) $(BUILD)/src/core/bucket.o
	@mkdir -p $(@D)
	$(CC) $(STANDARD) $(WARNINGS) $(WERROR) $(CFLAGS) -Isrc -o $@ $(filter %.c %.o,$^) $(LDFLAGS) -lm

pacing: $(PACING)
	@$(PACING) check

LUAS ?= lua5.4 luajit
build/bench/raw: bench/raw.c
	@mkdir -p build/bench
	$(CC) $(STANDARD) $(WARNINGS) $(WERROR) $(CFLAGS) $(CURL_CFLAGS) -o $@ $< $(CURL_LIBS)

# Compares the module with raw libcurl, on the Lua versions in LUAS.
bench:
	@tools/install-packages $(TEST_PACKAGES) valgrind
	@for lua in lua5.4 luajit $(LUAS); do $(MAKE) --no-print-directory -s LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory -s build/bench/raw
	@spec/tenant/run -- bench/run build/bench/raw $(LUAS)
	@echo; spec/tenant/run -- bench/instructions build/bench/raw $(LUAS)
	@for lua in $(LUAS); do echo; \
	  LUA_PATH='./?.lua;;' LUA_CPATH="build/$$lua/?.so;;" spec/tenant/run -- $$lua bench/frames.lua || exit 1; done
	@echo; LUA_PATH='./?.lua;;' LUA_CPATH='build/lua5.4/?.so;;' spec/tenant/run -- bench/openresty/run

tenant:
	@spec/tenant/run

# Generated from the comments in the sources; REFERENCE is the folder that contains doc/ and types/.
REFERENCE ?= .
reference:
	@mkdir -p '$(REFERENCE)/doc' '$(REFERENCE)/types'
	@$(LUA) tools/reference.lua markdown auth0perm $(DOCUMENTED) -- auth0perm.openresty $(DOCUMENTED_OPENRESTY) \
	  >'$(REFERENCE)/doc/reference.md'
	@$(LUA) tools/reference.lua types auth0perm $(DOCUMENTED) >'$(REFERENCE)/types/auth0perm.d.lua'
	@$(LUA) tools/reference.lua types auth0perm.openresty $(DOCUMENTED_OPENRESTY) \
	  >'$(REFERENCE)/types/auth0perm.openresty.d.lua'

# Drawn from the text files next to them.
PICTURES := $(patsubst %.txt,%.svg,$(wildcard doc/pictures/*.txt))
pictures: $(PICTURES)
$(PICTURES): %.svg: %.txt tools/picture.lua
	@$(LUA) tools/picture.lua $< >$@

rock:
	@rm -rf $(BUILD)
	@$(MAKE) all

LUA_FILES := $(patsubst src/%,%,$(wildcard src/auth0perm/*.lua src/auth0perm/*/*.lua))
LUA_FOLDERS := $(sort $(dir $(LUA_FILES)))

install: all
	$(INSTALL) -d '$(DESTDIR)$(LUA_CMOD)' $(LUA_FOLDERS:%='$(DESTDIR)$(LUA_LMOD)/%') '$(DESTDIR)$(SHARE)/types'
	$(INSTALL) -m 644 $(MODULE) '$(DESTDIR)$(LUA_CMOD)/auth0perm.so'
	$(foreach folder,$(LUA_FOLDERS),$(INSTALL) -m 644 src/$(folder)*.lua '$(DESTDIR)$(LUA_LMOD)/$(folder)' && ):
	$(INSTALL) -m 644 doc/reference.md '$(DESTDIR)$(SHARE)/reference.md'
	$(INSTALL) -m 644 types/*.d.lua '$(DESTDIR)$(SHARE)/types/'

# Removes what `make install` with the same LUA, PREFIX and DESTDIR installed, including the reference and the types,
# which all Lua versions share.
uninstall:
	@$(if $(and $(LUA_VERSION),$(LUA_CMOD),$(LUA_LMOD)),:,echo 'where $(LUA) has its modules is not known' >&2; exit 1)
	rm -f '$(DESTDIR)$(LUA_CMOD)/auth0perm.so' $(LUA_FILES:%='$(DESTDIR)$(LUA_LMOD)/%')
	rm -f '$(DESTDIR)$(SHARE)/reference.md' $(patsubst %,'$(DESTDIR)$(SHARE)/%',$(wildcard types/*.d.lua))
	@for folder in $(LUA_FOLDERS); do (cd '$(DESTDIR)$(LUA_LMOD)' && rmdir -p "$$folder") 2>/dev/null; done; \
	  rmdir '$(DESTDIR)$(SHARE)/types' '$(DESTDIR)$(SHARE)' 2>/dev/null; :

# A tarball of the latest commit, which builds and installs without git. Its rockspec has the version, and the URL from
# which LuaRocks gets the tarball.
DIST_URL ?= .
dist: VERSION = $(shell sed -n 's/.*MODULE_VERSION "\(.*\)"/\1/p' src/core/version.h)
dist:
	@mkdir -p build
	@sed -e 's/^version = .*/version = "$(VERSION)-1"/' -e 's|^source = .*|source = { url = "$(DIST_URL)" }|' \
	  -e '/^-- .luarocks make/d' auth0perm-scm-1.rockspec >'build/auth0perm-$(VERSION)-1.rockspec'
	@git archive --prefix='auth0perm-$(VERSION)/' --add-file='build/auth0perm-$(VERSION)-1.rockspec' \
	  --output='build/auth0perm-$(VERSION).tar' HEAD
	@gzip -9nf 'build/auth0perm-$(VERSION).tar'
	@echo 'build/auth0perm-$(VERSION).tar.gz'

clean:
	rm -rf build

.PHONY: all found static hosts lua-objects embed threads help demo demo-openresty test test-all test-more check style \
  format torture pacing bench tenant reference pictures rock install uninstall dist clean
