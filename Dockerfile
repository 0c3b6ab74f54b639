# The server with its pages, as one static binary in an image with nothing else.

FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist/ web/dist/
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /twobrains ./cmd/twobrains

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /twobrains /twobrains
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
USER nonroot:nonroot
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/twobrains", "healthcheck"]
ENTRYPOINT ["/twobrains"]
CMD ["serve"]
