# docker build --build-arg VERSION=1.2.3 -t rowtap .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/rowtap/rowtap/internal/cli.release=${VERSION}" -o /out/usr/bin/rowtap ./cmd/rowtap \
    && mkdir -p /out/var/lib/rowtap /out/etc/rowtap/zaps

# Certificates, no shell, user 65532. All but the state may be read-only.
FROM gcr.io/distroless/static-debian12:nonroot
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
