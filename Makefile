# The everyday commands; `make` alone lists them. Everything that takes more than a line is in cmd/dev.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
DEV := .dev/bin/dev

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: tool ## start Postgres, Redis, Kratos and the server on http://127.0.0.1:8080 (PORT=…); Ctrl-C stops all
	@$(DEV) up

.PHONY: test
test: $(if $(ARGS),tool,test-web) ## run all tests with services of their own, or some: make test ARGS='-run Seal ./internal/tenant'
	@$(DEV) test $(ARGS)

.PHONY: interleavings
interleavings: tool ## run a million interleaved units of work, directly and through PgBouncer (N=…; an hour or more)
	@TWOBRAINS_INTERLEAVINGS=$(or $(N),1000000) $(DEV) test -timeout 6h -count=1 -v -run '^TestInterleavings' ./internal/tenant

.PHONY: test-web
test-web: node
	@if [ -f web/package.json ]; then npm --prefix web test -- --passWithNoTests; fi

.PHONY: check
check: check-static test ## run everything that CI runs

.PHONY: check-static
check-static: tool node ## format, vet, lint and compare generated files with their sources
	$(DEV) tool golangci-lint fmt --diff
	go mod tidy -diff
	go vet ./...
	go -C tools/deploy vet ./...
	go -C tools/deploy test ./...
	$(DEV) tool golangci-lint run
	$(DEV) tool sqlc diff
	@mkdir -p .dev/generated
	go run ./cmd/twobrains config --markdown > .dev/generated/configuration.md
	diff -u docs/configuration.md .dev/generated/configuration.md
	go run ./cmd/twobrains openapi > .dev/generated/openapi.json
	diff -u docs/openapi.json .dev/generated/openapi.json
	@if [ -f web/package.json ]; then npm --prefix web run check; fi

.PHONY: screenshots
screenshots: tool node ## take pictures of the pages in .dev/screenshots, and those of the README anew
	@SCREENSHOTS=$(CURDIR)/.dev/screenshots $(DEV) test -count=1 -run '^TestJourneys$$' ./journeys
	@mkdir -p docs/images
	cp .dev/screenshots/talk-desktop-light.png docs/images/light.png
	cp .dev/screenshots/talk-desktop-dark.png docs/images/dark.png

.PHONY: bench
bench: ## measure what a private brain costs, beside shared tables (half an hour; a look: make bench ARGS=--quick)
	go run ./cmd/bench all $(ARGS)

.PHONY: build
build: tool node ## build the server with its pages into bin/twobrains
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/twobrains ./cmd/twobrains

.PHONY: generate
generate: tool ## write what is generated: sqlc's Go, docs/configuration.md, docs/openapi.json and the pages' API types
	$(DEV) tool sqlc generate
	@mkdir -p .dev/generated
	go run ./cmd/twobrains config --markdown > .dev/generated/configuration.md
	go run ./cmd/twobrains openapi > .dev/generated/openapi.json
	@mv .dev/generated/configuration.md .dev/generated/openapi.json docs/
	@if [ -d web/node_modules ]; then npm --prefix web run schema; fi

.PHONY: fmt
fmt: tool ## format the Go and web sources
	$(DEV) tool golangci-lint fmt
	@if [ -d web/node_modules ]; then npm --prefix web run format; fi

.PHONY: clean
clean: ## remove what was built; data stays
	rm -rf bin .dev/bin .dev/stamp .dev/generated e2e/node_modules journeys/node_modules web/node_modules
	find web/dist -mindepth 1 ! -name .gitkeep -delete

.PHONY: reset
reset: tool ## remove the local stack's data, passwords and keys
	@$(DEV) reset

# The pages and the packages of the end-to-end tests, where they changed.
.PHONY: node
node: tool
	@$(DEV) node

.PHONY: tool
tool:
	@go build -o $(DEV) ./cmd/dev
