package demo

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	// maxExpression in bytes bounds the work of an evaluation, maxNesting its stack.
	maxExpression = 200
	maxNesting    = 40
)

var (
	errNesting = errors.New("too many parentheses")
	errZero    = errors.New("division by zero")
	errRange   = errors.New("the result is not a finite number")
)

// evaluate computes an expression: + and - bind weakest, then * / and %, then unary minus, then ^ (to the right).
func evaluate(expression string) (string, error) {
	p := parser{rest: expression}
	value, err := p.sum(0)
	if err != nil {
		return "", err
	}
	if p.skip(); p.rest != "" {
		return "", p.unexpected()
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "", errRange
	}
	return strconv.FormatFloat(value+0, 'g', 15, 64), nil
}

type parser struct{ rest string }

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

// operator consumes one of the given characters and returns it, or 0.
func (p *parser) operator(among string) byte {
	p.skip()
	if p.rest == "" || strings.IndexByte(among, p.rest[0]) < 0 {
		return 0
	}
	op := p.rest[0]
	p.rest = p.rest[1:]
	return op
}

func (p *parser) unexpected() error {
	if p.rest == "" {
		return errors.New("the expression ends too early")
	}
	return fmt.Errorf("cannot read the expression at %.10q", p.rest)
}

func (p *parser) sum(depth int) (float64, error) {
	left, err := p.product(depth)
	for err == nil {
		op := p.operator("+-")
		if op == 0 {
			break
		}
		var right float64
		if right, err = p.product(depth); op == '-' {
			right = -right
		}
		left += right
	}
	return left, err
}

func (p *parser) product(depth int) (float64, error) {
	left, err := p.unary(depth)
	for err == nil {
		op := p.operator("*/%")
		if op == 0 {
			break
		}
		var right float64
		if right, err = p.unary(depth); err != nil {
			break
		}
		switch {
		case op == '*':
			left *= right
		case right == 0:
			err = errZero
		case op == '/':
			left /= right
		default:
			left = math.Mod(left, right)
		}
	}
	return left, err
}

func (p *parser) unary(depth int) (float64, error) {
	if depth > maxNesting {
		return 0, errNesting
	}
	switch p.operator("+-") {
	case '-':
		value, err := p.unary(depth + 1)
		return -value, err
	case '+':
		return p.unary(depth + 1)
	}
	return p.power(depth)
}

func (p *parser) power(depth int) (float64, error) {
	base, err := p.operand(depth)
	if err != nil || p.operator("^") == 0 {
		return base, err
	}
	exponent, err := p.unary(depth + 1)
	return math.Pow(base, exponent), err
}

func (p *parser) operand(depth int) (float64, error) {
	if p.operator("(") != 0 {
		value, err := p.sum(depth + 1)
		if err == nil && p.operator(")") == 0 {
			err = p.unexpected()
		}
		return value, err
	}
	p.skip()
	end := strings.IndexFunc(p.rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(p.rest)
	}
	value, err := strconv.ParseFloat(p.rest[:end], 64)
	if err != nil {
		return 0, p.unexpected()
	}
	p.rest = p.rest[end:]
	return value, nil
}
