package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/cli/hangup"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/notify"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/token"
)

// refusedRetry is how often a daemon that waits for a valid configuration retries what failed: the
// notices, and the listener.
const refusedRetry = time.Minute

// secretsRetry is how often a daemon with --watch and a refused configuration loads the files again,
// because the watcher does not see files with secrets, which may come last.
const secretsRetry = 5 * time.Second

// unready is a daemon that was started with --watch and whose configuration files are refused. It
// polls and sends nothing until they are valid.
type unready struct {
	*daemon
	valid    chan struct{}       // receives if a reload by the API or the page has loaded the files
	unserved string              // why health is not served, as logged last
	tellings map[string]*telling // the last of each target of notices, by its ID
}

// awaitPlan loads the configuration files until they are valid. It returns the error of ctx if that
// is done first.
func (d *daemon) awaitPlan(ctx context.Context, changes <-chan struct{}, logTo io.Writer) error {
	u := &unready{daemon: d, valid: make(chan struct{}, 1), tellings: map[string]*telling{}}
	if err := d.logTo(config.LoadEarly(d.g.dir, environmentOf(d.g.dir).find).Log, logTo); err != nil {
		return err
	}
	d.log.Info("rowtap is unready", zap.String("version", version()), zap.String("config", d.g.dir))
	u.say(ctx)
	retry := time.NewTicker(refusedRetry)
	defer retry.Stop()
	secrets := time.NewTicker(secretsRetry)
	defer secrets.Stop()
	beat := time.NewTicker(d.super.beat())
	defer beat.Stop()
	for d.refused.Load() != nil {
		repeated := false // the same mistakes are not logged again
		select {
		case <-ctx.Done():
			d.super.stopping()
			return ctx.Err()
		case <-beat.C:
			d.super.pulse()
			continue
		case <-retry.C:
			u.serveHealth(ctx)
			u.notify(ctx)
			continue
		case <-u.valid:
			continue
		case <-secrets.C:
			repeated = true
		case <-hangup.Caught:
			d.super.reloading()
		case <-changes:
			d.log.Info("configuration files changed")
		}
		d.loading.Lock()
		before := d.refused.Load()
		_, err := d.load()
		d.loading.Unlock()
		repeated = repeated && err != nil && before != nil && slices.Equal(before.Mistakes, d.refused.Load().Mistakes)
		if err != nil && !repeated {
			u.say(ctx)
		}
	}
	u.recovered(ctx)
	return nil
}

// say reports a refusal in the log, to systemd, to the targets of notices, and over HTTP.
func (u *unready) say(ctx context.Context) {
	r := u.refused.Load()
	r.Log(u.log, "invalid configuration; nothing is polled or sent until it is valid")
	u.serveHealth(ctx)
	u.super.unready(r)
	u.notify(ctx)
}

// serveHealth serves health and, if rowtap.yaml says where and with which token, the mistakes.
// Otherwise it keeps a listener that is open already.
func (u *unready) serveHealth(ctx context.Context) {
	address, handler, err := u.handler()
	if u.server != nil && (err != nil || address == u.server.address) {
		if err == nil {
			u.server.handle(handler)
		}
		return
	}
	if err != nil {
		address = healthAddress(u.g.dir)
	}
	if err := u.stopListening(address); err != nil {
		u.log.Warn("http listener", zap.Error(err))
	}
	if address == "" || ctx.Err() != nil {
		return
	}
	if wrong := config.CheckListen(address); wrong != "" {
		err = fmt.Errorf("ROWTAP_LISTEN %s: %s", address, wrong)
	} else {
		u.server, err = serve(context.WithoutCancel(ctx), address, handler, u.log)
	}
	switch {
	case err == nil:
		u.unserved = ""
		u.log.Info("health is served", zap.String("listen", u.server.at))
	case err.Error() != u.unserved:
		u.unserved = err.Error()
		u.logError("health is not served: ", err)
	}
}

// handler returns the handler of an unready daemon, and the address that rowtap.yaml gives. If that
// cannot be read, err says why, and the handler has no API and no page.
func (u *unready) handler() (address string, h http.Handler, err error) {
	o := web.Options{Log: u.log, SheetPage: u.g.sheetPage}
	handlers := api.Unready{Refused: u.refused.Load, Reload: u.reloadFiles}
	local, err := config.LoadLocal(u.g.dir, environmentOf(u.g.dir).find)
	if err != nil {
		return "", web.NewHealth(handlers), err
	}
	o.Hosts, o.Listen = local.HTTP.Hosts, local.HTTP.Listen
	if local.HTTP.Listen != "" && !local.HTTP.AuthOff {
		secret, err := token.Ensure(local.HTTP.TokenFile, u.log)
		if err != nil {
			u.logError("", err)
			return local.HTTP.Listen, web.NewHealth(handlers), nil
		}
		o.Token = secret
	}
	return local.HTTP.Listen, web.NewUnready(o, handlers), nil
}

// logError logs an error with its hint in a field.
func (u *unready) logError(prefix string, err error) {
	message, next, _ := strings.Cut(err.Error(), "\nnext: ")
	u.log.Error(prefix+message, zap.String("next", next))
}

// reloadFiles loads the files for the API and the page.
func (u *unready) reloadFiles(context.Context) (zaps int, err error) {
	u.loading.Lock()
	defer u.loading.Unlock()
	if u.refused.Load() == nil { // another reload was faster
		return len(u.current().Recipes), nil
	}
	loaded, err := u.load()
	if err != nil {
		r := u.refused.Load()
		r.Log(u.log, "invalid configuration; nothing is polled or sent until it is valid")
		u.super.unready(r)
		return 0, err
	}
	u.valid <- struct{}{}
	return len(loaded.Recipes), nil
}

// telling is an attempt to tell a target of notices that the files are refused.
type telling struct {
	done chan struct{}
	told bool // valid once done is closed
}

// notify begins to send a notice to each target that has none yet.
func (u *unready) notify(ctx context.Context) {
	m, log := engine.RefusedMessage(u.refused.Load(), time.Now()), u.log
	for _, target := range u.targets() {
		if !target.Tells(config.NoticeRefused) || u.tellings[target.ID()].lasts() {
			continue
		}
		t := &telling{done: make(chan struct{})}
		u.tellings[target.ID()] = t
		u.early.Go(func() {
			defer close(t.done)
			t.told = tell(ctx, log, target, m)
		})
	}
}

// lasts reports whether the target was told or is being told.
func (t *telling) lasts() bool {
	if t == nil {
		return false
	}
	select {
	case <-t.done:
		return t.told
	default:
		return true
	}
}

// recovered begins to send a notice that the configuration is valid to each target that was told the
// opposite. The daemon goes on meanwhile.
func (u *unready) recovered(ctx context.Context) {
	m, log := engine.RefusedMessage(nil, time.Now()), u.log
	for _, target := range u.targets() {
		t := u.tellings[target.ID()]
		if t == nil || !target.Tells(config.NoticeRecovered) {
			continue
		}
		u.early.Go(func() {
			if <-t.done; t.told {
				tell(ctx, log, target, m)
			}
		})
	}
}

// targets returns the targets of notices; none if they have mistakes.
func (u *unready) targets() []config.Notify {
	return config.LoadEarly(u.g.dir, environmentOf(u.g.dir).find).Notify
}

// tell sends a message and reports whether the target accepted it.
func tell(ctx context.Context, log *zap.Logger, target config.Notify, m notify.Message) bool {
	err := notify.New(target).Send(ctx, m)
	if err != nil && ctx.Err() == nil {
		log.Warn("a notice was not sent", zap.Stringer("target", target), zap.Error(err), zap.String("next", engine.NoticeHint(err)))
	}
	return err == nil
}
