# SPDX-License-Identifier: GPL-3.0-or-later
# Builds build/libsleeve.so and build/sleeve.  `make help` prints this:
#
#   make               build/libsleeve.so and build/sleeve
#   make demo          install what is missing, build, show it on redis
#   make check         install what is missing, build, run the tests (LAYERS="unit lint")
#   make suites        other projects' own test suites, bare and sleeved (SUITES="redis python")
#   make bench         the figures, side by side (ROUNDS=3 is quicker)
#   make fuzz          every fuzz target for SECONDS=30
#   make soak          SEQUENCES=100000 random programs, bare and sleeved, compared (FAULTS=1)
#   make asan-check    the tests under AddressSanitizer and UBSan
#   make tsan-check    the conformance tests under ThreadSanitizer
#   make lint          the rules a machine can check
#   make deps          install packages and build wolfSSL and libconfig
#   make install       to $(DESTDIR)$(PREFIX); make uninstall takes it away
#   make clean         what was built; make distclean the libraries and downloads too
#   V=1 shows commands; WOLFSSL_SRC, LIBCONFIG_SRC, SLEEVE_DEPS: see tools/build/fetch

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
BUILD ?= build
DEPS := build/deps
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
WOLFSSL := $(shell DEPS=$(DEPS) tools/build/wolfssl where)
LIBCONFIG := $(shell DEPS=$(DEPS) tools/build/libconfig where)
LIBRARIES := $(WOLFSSL)/lib/libwolfssl.a $(LIBCONFIG)/lib/libconfig.a

CFLAGS ?= -O2 -g
# No -D_FORTIFY_SOURCE: the fortified calls are doors of ours, and we would knock on them ourselves.
FLAGS := -std=gnu11 -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-semantic-interposition
FLAGS += -ffunction-sections -fdata-sections -pthread -Wall -Wextra $(if $(WERROR),-Werror)
FLAGS += -D_GNU_SOURCE -DSLEEVE_VERSION='"$(VERSION)"' -I. -I$(BUILD)
FLAGS += -isystem $(WOLFSSL)/include -isystem $(LIBCONFIG)/include -MMD -MP
LINK := -pthread -Wl,--as-needed -Wl,-z,relro -Wl,-z,now
ifdef SANITIZE
FLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DSLEEVE_SANITIZE='"$(SANITIZE)"'
LINK += -fsanitize=$(SANITIZE)
else
SHARED := -static-libgcc -Wl,-z,defs -Wl,-z,text
endif
# Constructors of other libraries may connect, and ours must have run by then.
SHARED += -Wl,-z,initfirst
# A door that goes through another finds ours, not that of a library before us, whose it may serve.
SHARED += -Wl,-Bsymbolic-functions

# shim/entry and shim/life are the doors: they define libc's names, so only the preloaded library
# may hold them.  Everything below them is in one archive, from which the CLI and the tests take
# what they use.
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
DOORS := $(call objects,$(wildcard shim/entry/*.c shim/life/*.c))
PARTS := $(call objects,$(wildcard policy/*.c $(patsubst %,shim/%/*.c,registry base tls session)))
SHIM := $(DOORS) $(filter-out %/registry/reader.o,$(PARTS))
TOOLS := $(call objects,$(wildcard tools/*.c))
UNIT := $(call objects,$(wildcard tests/unit/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
MODEL := $(BUILD)/model/model $(BUILD)/model/faults.so
BENCH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
MANUALS := $(wildcard tools/*.1 policy/*.5) $(BUILD)/sleeve.7

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(patsubst $(BUILD)/%,%,$(2));
endif

all: $(BUILD)/libsleeve.so $(BUILD)/sleeve $(BUILD)/sleeve.7
	@:

help:
	@sed -n 's/^#   //p' Makefile

# ---- libraries --------------------------------------------------------------------------------

$(WOLFSSL)/lib/libwolfssl.a:
	@DEPS=$(DEPS) JOBS=$(JOBS) tools/build/wolfssl

$(LIBCONFIG)/lib/libconfig.a:
	@DEPS=$(DEPS) tools/build/libconfig

libraries: $(LIBRARIES)
	@:

# ---- what is built ------------------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c | $(LIBRARIES)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(FLAGS) $(CFLAGS) -c -o $@ $<

# The run-time library of a sanitizer asks for limits before it is ready for what it instruments.
$(call objects,shim/base/real.c shim/life/limit.c): FLAGS := $(filter-out -fsanitize=%,$(FLAGS))

$(BUILD)/exports.map: shim/calls.def
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -n -e '1i { global:' -e '$$a local: *; };' \
		-e 's/^[A-Z]*CALL(\([A-Za-z0-9_]*\),.*/\t\1;/p' $< > $@

$(BUILD)/libsleeve.so: $(SHIM) $(BUILD)/exports.map $(LIBRARIES)
	$(call say,LD,$@)$(CC) $(CFLAGS) -shared -o $@.new $(SHIM) $(LIBRARIES) $(SHARED) \
		$(LINK) -Wl,--version-script=$(BUILD)/exports.map -Wl,--exclude-libs,ALL \
		-Wl,--gc-sections -lm
	@mv $@.new $@

$(BUILD)/parts.a: $(PARTS)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(PARTS)

# Everything but the doors, as often as it takes: wolfSSL calls back into shim/tls/memory.c.
link-with-parts = $(CC) $(CFLAGS) -o $@ $(1) -Wl,--start-group $(BUILD)/parts.a $(LIBRARIES) \
	-Wl,--end-group $(LINK) -lm

$(BUILD)/sleeve: $(TOOLS) $(BUILD)/parts.a $(LIBRARIES)
	$(call say,LD,$@)$(call link-with-parts,$(TOOLS)) -Wl,--gc-sections

$(BUILD)/sleeve.7: tools/build/manual tools/sleeve.7.in shim/calls.def shim/registry/layout.h \
		shim/session/session.c shim/session/session.h
	@mkdir -p $(@D)
	$(call say,GEN,$@)tools/build/manual >$@.new && mv $@.new $@

$(BUILD)/unit: $(UNIT) $(BUILD)/parts.a $(LIBRARIES)
	$(call say,LD,$@)$(call link-with-parts,$(UNIT)) -lcriterion

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/parts.a $(LIBRARIES)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(call link-with-parts,$<) -fsanitize=fuzzer

$(BENCH): $(BUILD)/%: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O2 -g -pthread -o $@ $<

# What the shim is tested with is no part of it: neither its flags nor a sanitizer.
model = $(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $(if $(WERROR),-Werror) -O2 -g -o $@ $(1)

$(BUILD)/model/model: $(wildcard tests/model/*.[ch])
	@mkdir -p $(@D)
	$(call say,CC,$@)$(call model,$(filter-out %/faults.c,$(filter %.c,$^)))

$(BUILD)/model/faults.so: tests/model/faults.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(call model,-shared -fPIC $<)

# ---- tests --------------------------------------------------------------------------------------

again = @$(MAKE) --no-print-directory

check:
	@tools/build/packages build check
	$(again) -j$(JOBS) built
	@BUILD=$(BUILD) SANITIZE=$(SANITIZE) tests/run $(LAYERS)

built: all $(if $(UNIT),$(BUILD)/unit) $(MODEL)
	@:

lint: all
	@BUILD=$(BUILD) tests/run lint

asan-check:
	$(again) check BUILD=build/asan SANITIZE=address,undefined

tsan-check:
	$(again) check BUILD=build/tsan SANITIZE=thread

fuzz:
	@tools/build/packages build fuzz
	$(again) -j$(JOBS) fuzz-built BUILD=build/clang CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined
	@BUILD=build/clang SECONDS=$(or $(SECONDS),30) tests/run fuzz

fuzz-built: $(FUZZ)

soak:
	@tools/build/packages build check
	$(again) -j$(JOBS) all $(MODEL)
	@BUILD=$(BUILD) SANITIZE=$(SANITIZE) SEED=$(SEED) SEQUENCES=$(SEQUENCES) FAULTS=$(FAULTS) \
		tests/run soak

demo:
	@tools/build/packages build demo
	$(again) -j$(JOBS) all
	@BUILD=$(BUILD) tools/demo

suites:
	@tools/build/packages build check suites
	$(again) -j$(JOBS) all
	@BUILD=$(BUILD) tests/run $(or $(patsubst %,suites/%,$(SUITES)),suites)

bench:
	@tools/build/packages build bench
	$(again) -j$(JOBS) all $(BENCH)
	@BUILD=$(BUILD) ROUNDS=$(or $(ROUNDS),5) tests/bench/run

deps:
	@tools/build/packages build check demo bench
	$(again) libraries

# ---- installation -------------------------------------------------------------------------------

bin := $(DESTDIR)$(PREFIX)/bin
lib := $(DESTDIR)$(PREFIX)/lib/sleeve
man := $(DESTDIR)$(PREFIX)/share/man
completions := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
etc := $(DESTDIR)$(SYSCONFDIR)/sleeve
manual = $(man)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

install: all
	$(Q)install -D -m 755 $(BUILD)/libsleeve.so $(lib)/libsleeve.so
	$(Q)install -D -m 755 -t $(bin) $(BUILD)/sleeve tools/sleeve-run
	$(Q)install -D -m 644 policy/example.conf $(etc)/policy.conf.example
	$(Q)$(foreach m,$(MANUALS),install -D -m 644 $(m) $(call manual,$(m)) && ):
	$(Q)[ ! -f tools/completion.bash ] || \
		install -D -m 644 tools/completion.bash $(completions)/sleeve

uninstall:
	$(Q)rm -f $(lib)/libsleeve.so $(bin)/sleeve $(bin)/sleeve-run $(etc)/policy.conf.example \
		$(foreach m,$(MANUALS),$(call manual,$(m))) $(completions)/sleeve
	$(Q)[ ! -d $(lib) ] || rmdir --ignore-fail-on-non-empty $(lib)
	$(Q)[ ! -d $(etc) ] || rmdir --ignore-fail-on-non-empty $(etc)

clean:
	$(Q)[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +

distclean:
	$(Q)rm -rf build

.PHONY: all help libraries check built soak lint asan-check tsan-check fuzz fuzz-built demo suites
.PHONY: bench deps install uninstall clean distclean
.DELETE_ON_ERROR:
.SECONDARY:

-include $(shell find $(BUILD) -path '$(DEPS)' -prune -o -name '*.d' -print 2>/dev/null)
