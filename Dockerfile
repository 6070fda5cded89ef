# docker build --build-arg VERSION=1.2.3 --build-arg COMMIT=$(git rev-parse --short=12 HEAD) -t rowtap .
# It needs BuildKit, the default since Docker 23; before that: DOCKER_BUILDKIT=1 docker build …
# For other machines: docker buildx build --platform linux/amd64,linux/arm64 … . The build itself runs on this one.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/rowtap/rowtap/internal/cli.release=${VERSION} -X github.com/rowtap/rowtap/internal/cli.commit=${COMMIT}" \
      -o /out/usr/bin/rowtap ./cmd/rowtap \
    && mkdir -p /out/var/lib/rowtap /out/etc/rowtap/zaps

# Certificates, no shell, user 65532. All but the state may be read-only.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=devel
ARG COMMIT=
LABEL org.opencontainers.image.title="rowtap" \
      org.opencontainers.image.description="CleverTap actions for new Google Sheets rows" \
      org.opencontainers.image.source="https://github.com/rowtap/rowtap" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /out/usr/bin/rowtap /usr/bin/rowtap
COPY --from=build /out/etc/rowtap /etc/rowtap
COPY --from=build --chown=65532:65532 /out/var/lib/rowtap /var/lib/rowtap
USER 65532:65532
# Without a volume of its own a new container has seen no row and sent none. A local disk, not NFS.
VOLUME /var/lib/rowtap
EXPOSE 8321
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=1m CMD ["/usr/bin/rowtap", "healthcheck"]
ENTRYPOINT ["/usr/bin/rowtap"]
CMD ["run"]
