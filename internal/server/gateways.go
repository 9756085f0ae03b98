package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/twilio"
)

// openGateways listens for applications that send through this server instead of to their provider.
func (s *Server) openGateways(ctx context.Context, l Listening, d *doors) error {
	gate := &gateway.Gate{Check: s.Index, Catalog: s.Catalog, Ledger: s.Ledger, Log: s.Log, FailOpen: s.config.Gateway.FailOpen, Confirm: s.confirmer()}
	if s.Rules != nil {
		gate.Tally = gateway.NewTally(s.Attempts.Report, s.Log) // without rules there are no caps
		d.beside = append(d.beside, gate.Tally.Run)
	}
	if l.GatewayTwilio != "" {
		if err := s.openTwilio(ctx, gate, l, d); err != nil {
			return fmt.Errorf("the gateway for Twilio: %w", err)
		}
	}
	if l.GatewaySMPP != "" {
		if err := s.openSMPP(ctx, gate, l, d); err != nil {
			return fmt.Errorf("the gateway for SMPP: %w", err)
		}
	}
	return nil
}

// openTwilio forwards to the Twilio that is configured as a provider, or else to Twilio itself.
func (s *Server) openTwilio(ctx context.Context, gate *gateway.Gate, l Listening, d *doors) error {
	c := gateway.TwilioConfig{Now: s.Now, Schedule: s.config.Gateway.Schedule, Unsent: s.unsent}
	if t := s.config.Providers.Twilio; t != nil {
		c.Upstream = t.BaseURL
	}
	if s.config.Gateway.Callbacks {
		var err error
		if c.Callback, err = s.hearing(); err != nil {
			return err
		}
	}
	handler, err := gateway.NewTwilio(gate, c)
	if err != nil {
		return err
	}
	listener, err := l.gateway(ctx, "twilio", l.GatewayTwilio)
	if err != nil {
		return err
	}
	d.addHTTP(listener, s.httpServer(handler))
	return nil
}

// unsent records that Twilio refused an application's message, if that was since the person opted out there. Twilio gives
// its answer no ID, and needs none: somebody who has withdrawn is refused here from then on.
func (s *Server) unsent(ctx context.Context, u gateway.Unsent) error {
	if !twilio.OptedOut(u.Code) {
		return nil
	}
	now := s.Now()
	id := s.vault.Digest("unsent", u.To.String(), u.From, u.Service, now.Format(time.RFC3339Nano))
	_, err := s.Conversations.Take(ctx, twilio.Name, []messaging.Event{{
		Kind: messaging.OptedOutThere, ID: hex.EncodeToString(id[:]), Number: u.To.String(), Sender: u.From, Service: u.Service,
		Channel: u.Channel, Code: u.Code, At: now,
	}})
	return err
}

// hearing returns the address at which Twilio tells us what becomes of a message. Only the account whose auth token we
// know is heard: no other's callbacks can be verified.
func (s *Server) hearing() (func(account, application string) string, error) {
	config := s.config.Providers
	if config.Twilio == nil || config.PublicURL == "" {
		return nil, errors.New("callbacks need public_url, and twilio with account_sid and auth_token")
	}
	account, err := twilio.New(*config.Twilio)
	if err != nil {
		return nil, err
	}
	here := strings.TrimRight(config.PublicURL, "/") + "/v1/inbound/" + twilio.Name
	return func(sid, application string) string {
		if sid != config.Twilio.AccountSID {
			return application
		}
		return account.CallbackFor(here, application)
	}, nil
}

// openSMPP relays to the SMSC that is configured as a provider.
func (s *Server) openSMPP(ctx context.Context, gate *gateway.Gate, l Listening, d *doors) error {
	upstream := s.config.Providers.SMPP
	if upstream == nil {
		return errors.New("the configuration of providers names no SMSC: give it smpp with address and system_id")
	}
	proxy, err := gateway.NewSMPP(gate, gateway.SMPPConfig{
		Upstream: upstream.Address, TLS: upstream.TLS, Purposes: s.config.Gateway.Purposes, Inbound: s.Conversations.SMPP.Deliver, Now: s.Now,
	})
	if err != nil {
		return err
	}
	listener, err := l.gateway(ctx, "smpp", l.GatewaySMPP)
	if err != nil {
		return err
	}
	d.add(listener, proxy.Serve)
	return nil
}

// gateway listens at an address and tells of it.
func (l *Listening) gateway(ctx context.Context, name, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil && l.GatewayReady != nil {
		l.GatewayReady(name, listener.Addr())
	}
	return listener, err
}
