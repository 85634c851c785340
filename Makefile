# Every target is one plain command or a short list of them; none of them is needed to build: go build ./cmd/gluster-trapgw
GO ?= go
RACE ?= -race
FUZZTIME ?= 10s

.PHONY: build test lint fuzz cover bench e2e-receivers release test-release test-packages test-container e2e-packages

build:
	$(GO) build -o gluster-trapgw ./cmd/gluster-trapgw

test:
	$(GO) test $(RACE) -timeout 30m ./...

lint:
	test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.6.1 ./...
	$(GO) mod tidy -diff

# Every fuzz target of the repository for FUZZTIME each. The tool fails now and then because its own time is over, with
# "context deadline exceeded" and no failing input: that is no finding.
fuzz:
	set -e; log=$$(mktemp); trap 'rm -f $$log' EXIT; \
	for f in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
	    echo "== $$f $$t"; \
	    $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) "$$(dirname $$f)" >$$log 2>&1 && { tail -n 1 $$log; continue; }; \
	    cat $$log; \
	    grep -q 'context deadline exceeded' $$log && ! grep -q 'Failing input' $$log || exit 1; \
	  done; done

cover:
	$(GO) test -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -1

# Each figure beside its limit, measured on the same machine in the same run; minutes, not seconds.
bench:
	$(GO) run ./bench

# Real Nagios, Icinga 2 and Zabbix with the files of integrations/: installs them from Debian, as root; some minutes.
e2e-receivers:
	$(GO) run ./integrations/e2e -record docs/receivers/verified.md

# What is published, into dist/; VERSION=1.2.3, or the tag of the commit.
release:
	$(GO) run ./deploy/release $(if $(VERSION),-version $(VERSION))

# Two builds in two places are the same, byte for byte.
test-release:
	deploy/test-release.sh

# The packages in a system of their own, under systemd; as root.
test-packages:
	deploy/test-packages.sh

# The program in an empty root, as the container image has it; as root.
test-container:
	deploy/test-container.sh

# The three above, with a record of what was seen: docs/packaging-verified.md; as root.
e2e-packages:
	deploy/e2e-packages.sh
