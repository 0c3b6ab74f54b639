package google

import (
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/genai"

	"twobrains/internal/llm"
)

// generation tells how a model's thinking is controlled. It goes by the name, because the API has no field for it and
// refuses a thinkingConfig that the model does not know.
type generation uint8

const (
	// unknown models get a thinkingConfig only if an effort is asked for.
	unknown generation = iota
	// budgets is Gemini 2.5: thinkingBudget, in tokens.
	budgets
	// levels is Gemini 3 and later: thinkingLevel. They also demand signatures on the calls of the current turn.
	levels
)

var version = regexp.MustCompile(`^gemini-(\d+)(?:\.(\d+))?(?:-|$)`)

func generationOf(model string) generation {
	name := strings.TrimPrefix(model, "models/")
	if strings.HasPrefix(name, "gemini-") && strings.HasSuffix(name, "-latest") {
		return levels
	}
	found := version.FindStringSubmatch(name)
	if found == nil {
		return unknown
	}
	major, _ := strconv.Atoi(found[1])
	switch {
	case major >= 3:
		return levels
	case major == 2 && found[2] == "5" && !strings.Contains(name, "-image"):
		return budgets
	}
	return unknown
}

// thinkingLevels translates efforts. MINIMAL, for off, is the least there is: the model may still think a little. Models
// that refuse it (3.1 Pro, 3.7 Flash and later) must not list off in the catalog.
var thinkingLevels = map[llm.Effort]genai.ThinkingLevel{
	llm.EffortOff:    genai.ThinkingLevelMinimal,
	llm.EffortLow:    genai.ThinkingLevelLow,
	llm.EffortMedium: genai.ThinkingLevelMedium,
	llm.EffortHigh:   genai.ThinkingLevelHigh,
}

// thinkingBudgets are those that Google's own OpenAI-compatible endpoint takes for the same words.
var thinkingBudgets = map[llm.Effort]int32{llm.EffortOff: 0, llm.EffortLow: 1024, llm.EffortMedium: 8192, llm.EffortHigh: 24576}

// leastBudget is that of 2.5 Pro, which cannot be kept from thinking.
const leastBudget = 128

// thinking makes the configuration for an effort. Thoughts are asked for wherever the model thinks by itself or shall
// think, except where thinking is off: then the API refuses to include them.
func thinking(model string, effort llm.Effort) *genai.ThinkingConfig {
	of := generationOf(model)
	if effort == "" {
		if of == unknown || of == budgets && strings.Contains(model, "-lite") { // 2.5 Flash-Lite does not think unasked
			return nil
		}
		return &genai.ThinkingConfig{IncludeThoughts: true}
	}
	config := &genai.ThinkingConfig{IncludeThoughts: effort != llm.EffortOff}
	if of != budgets {
		config.ThinkingLevel = thinkingLevels[effort]
		return config
	}
	budget := thinkingBudgets[effort]
	if strings.Contains(model, "-pro") {
		budget = max(budget, leastBudget)
	}
	config.ThinkingBudget = &budget
	return config
}
