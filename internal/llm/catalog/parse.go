package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What is assumed of a model that only configuration knows: small enough for local servers, priced at nothing.
const (
	assumedContext = 32_768
	assumedOutput  = 8_192
)

// ParseModels reads a list of models of one provider from configuration:
//
//	model[;option…], …       for example:  llama3.2, qwen3:8b;tools;reasoning;context=40960;name=Qwen 3
//
// Options: tools, images, files and reasoning grant a capability (reasoning also offers the efforts off to high);
// context= and output= set limits in tokens; input=, cached= and price_output= set prices in micro-dollars for a million
// tokens; name= sets the name shown. A model that is among known starts from its data there, any other with text only.
// The first one listed becomes the provider's default.
func ParseModels(provider, list string, known []Model) ([]Model, error) {
	var models []Model
	var errs []error
	for entry := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		m, err := parseModel(provider, entry, known)
		if err != nil {
			errs = append(errs, fmt.Errorf("model %q of provider %s: %w", strings.TrimSpace(entry), provider, err))
		}
		m.Default = len(models) == 0
		models = append(models, m)
	}
	if len(models) == 0 {
		errs = append(errs, fmt.Errorf("models of provider %s: the list is empty", provider))
	}
	return models, errors.Join(errs...)
}

func parseModel(provider, entry string, known []Model) (Model, error) {
	id, options, _ := strings.Cut(entry, ";")
	id = strings.TrimSpace(id)
	m := Model{
		ID: provider + ":" + id, Provider: provider, Name: id, Access: AccessPlatform,
		Description: "Served by the configured OpenAI-compatible server.", ContextWindow: assumedContext, OutputLimit: assumedOutput,
	}
	if i := slices.IndexFunc(known, func(k Model) bool { return k.ID == m.ID }); i >= 0 {
		m = known[i]
	}
	for option := range strings.SplitSeq(options, ";") {
		if option = strings.TrimSpace(option); option == "" {
			continue
		}
		if err := m.set(option); err != nil {
			return m, err
		}
	}
	return m, m.validate()
}

func (m *Model) set(option string) error {
	name, value, _ := strings.Cut(option, "=")
	switch name, value = strings.TrimSpace(name), strings.TrimSpace(value); name {
	case "tools":
		m.Capabilities.Tools = true
	case "images":
		m.Capabilities.Images = true
	case "files":
		m.Capabilities.Files = true
	case "reasoning":
		m.Capabilities.Reasoning = true
		m.Efforts = slices.Clone(levels)
	case "name":
		if value != "" {
			m.Name = value
		}
	case "context":
		if err := setInt(&m.ContextWindow, name, value); err != nil {
			return err
		}
		m.OutputLimit = min(m.OutputLimit, m.ContextWindow/2)
	case "output":
		return setInt(&m.OutputLimit, name, value)
	case "input":
		if err := setInt(&m.Prices.Input, name, value); err != nil {
			return err
		}
		m.Prices.CachedInput = m.Prices.Input
	case "cached":
		return setInt(&m.Prices.CachedInput, name, value)
	case "price_output":
		return setInt(&m.Prices.Output, name, value)
	default:
		return fmt.Errorf("unknown option %q", name)
	}
	return nil
}

func setInt[T int | int64](into *T, name, value string) error {
	n, err := strconv.ParseInt(value, 10, 63)
	if err != nil || n < 0 {
		return fmt.Errorf("option %s needs a whole number", name)
	}
	*into = T(n)
	return nil
}
