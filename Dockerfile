# The image of Understudy. It is not built by `make test`; the checkout runs without it.
# The base is named by tag only: its digest is to be pinned where the registry can be asked for it.

# The BPF object. It runs on any kernel that meets the floor, whatever it was built on.
FROM node:26-bookworm-slim AS bpf
RUN apt-get update \
	&& apt-get install -y --no-install-recommends make gcc libc6-dev clang bpftool libbpf-dev \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY bpf bpf
RUN make bpf

# The native shim and the launcher of commands.
FROM node:26-bookworm-slim AS native
RUN apt-get update \
	&& apt-get install -y --no-install-recommends make gcc libc6-dev libbpf-dev libelf-dev zlib1g-dev \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY native native
RUN make native

# The production modules. The pinned runtime is left out: the base image is the runtime.
FROM node:26-bookworm-slim AS node
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund \
	&& rm -rf node_modules/node-linux-* node_modules/.bin/node

# Objects, shim, sources and modules; no compiler. Root, because loading BPF programs needs it.
FROM node:26-bookworm-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends libbpf1 libelf1 zlib1g \
	&& rm -rf /var/lib/apt/lists/*
WORKDIR /opt/understudy
COPY package.json LICENSE ./
COPY bin bin
COPY src src
COPY --from=node /src/node_modules node_modules
COPY --from=native /src/build/libunderstudy.so /src/build/understudy-launch build/
COPY --from=bpf /src/build/understudy.bpf.o /src/build/inbound.bpf.o build/
COPY bpf/LICENSE build/understudy.bpf.LICENSE
# Fills the compile cache: the compiler that strips types is then not loaded, a quarter of the memory.
RUN for command in run serve doctor cleanup; do bin/understudy $command --help >/dev/null; done
ENTRYPOINT ["/opt/understudy/bin/understudy"]
CMD ["--help"]
