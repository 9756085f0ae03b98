# Consentline: what one does with this repository. `make help` lists it.

GO       ?= go
PACKAGES ?= ./...
# Twilio's own client, with which the gateway is tested.
NODE_CLIENT := internal/gateway/testdata/node
LINT     := golangci-lint@v2.15.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the static binary into ./consentline
	CGO_ENABLED=0 $(GO) build -trimpath -o consentline ./cmd/consentline

.PHONY: test
test: tools ## run every test with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $(PACKAGES)

.PHONY: test-ha
test-ha: tools-ha ## kill the leader of a highly available cluster ten times under load (8 minutes)
	PATH="$$PATH:/usr/sbin" $(GO) test -tags ha -count 1 -v -timeout 30m ./internal/testkit/ha

.PHONY: reliability
reliability: tools-ha ## run the tests of the promises and write docs/RELIABILITY.md (15 minutes)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	CONSENTLINE_RELIABILITY_DIR=$$dir PATH="$$PATH:/usr/sbin" $(GO) test -tags ha -count 1 -p 1 -timeout 30m \
		-run "$$($(GO) run ./internal/testkit/reliability/page pattern)" $$($(GO) run ./internal/testkit/reliability/page folders) && \
	$(GO) run ./internal/testkit/reliability/page write $$dir docs/RELIABILITY.md

.PHONY: check
check: fmt vet lint test ## what a change must pass: format, vet, lint, tests, architecture, specification

.PHONY: fmt
fmt: ## fail if a file is not formatted
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not formatted: $$files"; exit 1; }

.PHONY: vet
vet: ## go vet
	$(GO) vet $(PACKAGES)

.PHONY: lint
lint: ## golangci-lint, with .golangci.yml
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/$(LINT) run

.PHONY: generate
generate: ## make again what is generated: the number automaton, the OpenAPI document
	$(GO) generate $(PACKAGES)

.PHONY: bench
bench: build ## measure against the references and write docs/BENCHMARKS.md
	./consentline bench --write docs/BENCHMARKS.md

.PHONY: bench-nodes
bench-nodes: tools ## measure several nodes on PostgreSQL: acts, imports, visible everywhere, cost at rest, joining
	$(GO) test -run '^$$' -bench SingleActs -benchtime 5s -count 3 -timeout 30m ./internal/server
	$(GO) test -run '^$$' -bench ImportToPostgres -benchtime 200000x -count 3 -timeout 30m ./internal/server
	$(GO) test -run '^$$' -bench Visible -benchtime 200x -timeout 30m ./internal/server
	$(GO) test -run '^$$' -bench 'AtRest|Join' -benchtime 3x -timeout 30m ./internal/server

.PHONY: bench-pages
bench-pages: ## render every page of the console over a million records, in at most 50 ms each
	$(GO) test ./internal/console -run '^$$' -bench Pages -benchtime 20x -timeout 30m -records 1000000

.PHONY: fuzz
fuzz: ## run every fuzz target for ten seconds
	@for p in $$($(GO) list $(PACKAGES)); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 10s $$p || exit 1; \
		done; \
	done

.PHONY: mutation
mutation: ## mutation-test the fold, the lease and the verdict
	for p in ./internal/consent ./internal/check; do \
		$(GO) run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 unleash $$p || exit 1; \
	done

.PHONY: tools
tools: ## install what the tests need and this machine lacks, or say what to install
	@command -v $(GO) >/dev/null || { echo "install Go 1.26 or later"; exit 1; }
	@missing=""; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || missing="$$missing pgbouncer"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	if test -z "$$missing"; then :; \
	elif command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "the tests need these packages: apt-get install$$missing"; exit 1; \
	fi
	@test -d $(NODE_CLIENT)/node_modules/twilio || npm ci --silent --no-audit --no-fund --ignore-scripts --prefix $(NODE_CLIENT) || \
		{ echo "Twilio's client for Node.js cannot be installed: npm ci --prefix $(NODE_CLIENT)"; exit 1; }

.PHONY: tools-ha
tools-ha: tools ## install what the highly available cluster needs, or say what to install
	@missing=""; \
	command -v patroni >/dev/null || missing="$$missing patroni python3-etcd"; \
	command -v etcd >/dev/null || missing="$$missing etcd-server"; \
	PATH="$$PATH:/usr/sbin" command -v haproxy >/dev/null || missing="$$missing haproxy"; \
	test -z "$$missing" && exit 0; \
	if command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "the cluster needs these packages: apt-get install$$missing"; exit 1; \
	fi
