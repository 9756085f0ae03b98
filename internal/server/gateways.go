package server

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging"
)

// openGateways listens for applications that send through this server instead of to their provider.
func (s *Server) openGateways(ctx context.Context, l Listening, d *doors) error {
	gate := &gateway.Gate{Check: s.Index, Catalog: s.Catalog, Ledger: s.Ledger, Log: s.Log}
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
	c := gateway.TwilioConfig{Now: s.Now}
	if t := s.config.Providers.Twilio; t != nil {
		c.Upstream = t.BaseURL
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

// openSMPP relays to the SMSC that is configured as a provider.
func (s *Server) openSMPP(ctx context.Context, gate *gateway.Gate, l Listening, d *doors) error {
	upstream := s.config.Providers.SMPP
	if upstream == nil {
		return errors.New("the configuration of providers names no SMSC: give it smpp with address and system_id")
	}
	proxy, err := gateway.NewSMPP(gate, gateway.SMPPConfig{
		Upstream: upstream.Address, TLS: upstream.TLS, Now: s.Now,
		Inbound: func(ctx context.Context, provider string, events []messaging.Event) error {
			_, err := s.Conversations.Take(ctx, provider, events)
			return err
		},
	})
	if err != nil {
		return err
	}
	listener, err := l.gateway(ctx, "smpp", l.GatewaySMPP)
	if err != nil {
		return err
	}
	d.add(listener, func(ctx context.Context, listener net.Listener) error {
		ctx, stop := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.repeat(ctx, "smpp gateway", tidyEvery, func(ctx context.Context) (int, error) { return 0, proxy.Tidy(ctx) })
		}()
		err := proxy.Serve(ctx, listener)
		stop()
		<-ended
		return err
	})
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
