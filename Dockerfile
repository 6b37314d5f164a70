# The image of Understudy, for amd64 and arm64: docker buildx build --platform linux/amd64,linux/arm64 -t REPOSITORY .
# docs/image.md says what is in it. The base is named by exact version, the one that package-lock.json pins for the tests;
# a build that must be the same to the bit adds its digest: NODE_IMAGE=node:...@sha256:...
ARG NODE_IMAGE=node:26.10.0-bookworm-slim

# The BPF objects. They are the same for both architectures, and run on any kernel that meets the floor.
FROM ${NODE_IMAGE} AS bpf
RUN apt-get update \
	&& apt-get install -y --no-install-recommends make gcc libc6-dev clang bpftool libbpf-dev \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY bpf bpf
RUN make bpf

# The native shim and the launcher of commands.
FROM ${NODE_IMAGE} AS native
RUN apt-get update \
	&& apt-get install -y --no-install-recommends make gcc libc6-dev libbpf-dev libelf-dev zlib1g-dev \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY native native
RUN make native && strip --strip-debug build/libunderstudy.so build/understudy-launch

# The production modules, without the pinned runtime (the base image is the runtime) and what only a compiler of
# TypeScript or a debugger would read. An architecture that a module has no binary for fails here.
FROM ${NODE_IMAGE} AS node
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund \
	&& rm -rf node_modules/node-linux-* node_modules/.bin/node \
	&& find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete \
	&& node --eval "require('ffi-rs')"

# Objects, shim, sources and modules; no compiler. Root, because loading BPF programs needs it.
FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="understudy" \
	org.opencontainers.image.description="Stands in for the services that a workload calls: eBPF records, a proxy mocks or forwards" \
	org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
RUN apt-get update \
	&& apt-get install -y --no-install-recommends libbpf1 libelf1 zlib1g \
	&& rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/yarn* /opt/yarn*
WORKDIR /opt/understudy
COPY package.json LICENSE ./
COPY bin bin
COPY src src
COPY --from=node /src/node_modules node_modules
COPY --from=native /src/build/libunderstudy.so /src/build/understudy-launch build/
COPY --from=bpf /src/build/understudy.bpf.o /src/build/inbound.bpf.o build/
COPY bpf/LICENSE build/understudy.bpf.LICENSE
# Fills the compile cache: the compiler that strips types is then not loaded, a quarter of the memory. The root file system
# of a pod is read-only, so it has to be done here.
RUN for command in run serve agent doctor cleanup; do bin/understudy $command --help >/dev/null; done; bin/understudy --version
# Kubernetes probes the agent itself.
HEALTHCHECK NONE
ENTRYPOINT ["/opt/understudy/bin/understudy"]
CMD ["--help"]
