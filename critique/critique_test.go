package critique_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestDecisionCheck(t *testing.T) {
	if err := (critique.RetrievalVerdict{}).Check(); err != nil {
		t.Errorf("nothing known: %v", err)
	}
	good := critique.RetrievalVerdict{Dist: reflection.OneHot(reflection.Retrieval), Token: reflection.Retrieval, Level: reflection.HardLabels}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*critique.RetrievalVerdict){
		"group": func(d *critique.RetrievalVerdict) { d.Dist = reflection.OneHot(reflection.Relevant) },
		"token": func(d *critique.RetrievalVerdict) { d.Token = reflection.Relevant },
		"level": func(d *critique.RetrievalVerdict) { d.Level = 99 },
		"NaN":   func(d *critique.RetrievalVerdict) { d.Dist.Probs[1] = reflection.ExactLog(math.NaN()) },
	} {
		d := good
		if edit(&d); d.Check() == nil {
			t.Errorf("%s: %+v passed", name, d)
		}
	}
}

func TestTokensStopWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := critique.NewTokens(&generatortest.Random{})
	if _, err := k.Critique(ctx, critique.Continuation{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Critique: %v", err)
	}
	if _, err := k.Decide(ctx, critique.Situation{Boundary: &generator.Step{Token: reflection.Retrieval}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Decide: %v", err)
	}
}
