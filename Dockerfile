# The operator's image: Node, its libraries and one file.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag registry.example.com/clarive-operator:0.1.0 .
#
# Behind a registry of your own, give your npm settings as --secret id=npmrc,src=$HOME/.npmrc, and images of the same kind as
# BUILD_IMAGE (Node 24 with npm) and NODE_IMAGE (Node 24 at /nodejs/bin/node).
ARG BUILD_IMAGE=docker.io/library/node:24.21.0-trixie-slim
ARG NODE_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

# The bundle is the same for every platform, so it is made on the one that the build runs on.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY .npmrc package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund
COPY e2e/images/operator e2e/images/operator
COPY src src
RUN node e2e/images/operator/bundle.ts dist

# Docker means this platform anyway; older buildahs would go on with that of the stage before.
FROM --platform=$TARGETPLATFORM ${NODE_IMAGE}
ARG NODE_IMAGE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Clarive daemon operator" \
      org.opencontainers.image.description="Runs, starts, stops and watches over Clarive's background daemons on Kubernetes" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.url="https://clarive.com" \
      org.opencontainers.image.source="https://github.com/clarive/clarive-operator" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=build /build/dist/clarive-operator.cjs /clarive-operator.cjs
# A number, because runAsNonRoot can't tell of a name whether it is root; it is the user "nonroot" of the base image.
USER 65532:65532
EXPOSE 8080 8081
# Both save memory, which counts more here than a few percent of CPU: see bench/README.md. V8's heap follows the container's
# memory limit by itself.
ENV MALLOC_ARENA_MAX=1
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=2", "--optimize-for-size", "/clarive-operator.cjs"]
