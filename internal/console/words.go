package console

import (
	_ "embed"
	"strings"
)

//go:embed functions.txt
var functionsText string

// functions that a query may call.
var functions = readFunctions(functionsText)

func readFunctions(text string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for name := range strings.FieldsSeq(line) {
			set[name] = true
		}
	}
	return set
}

// beforeParenthesis are the words of the grammar that stand before an opening parenthesis without calling anything, or that call
// what only computes. A function of such a name would have to be written in quotation marks, or does not exist.
var beforeParenthesis = wordSet(`
	all and any array as asymmetric between both by case cast char character coalesce columns cross cube current_time current_timestamp dec decimal distinct else end
	escape except exists extract filter first for from full group grouping greatest having ilike in inner intersect is isnull join json_array
	json_exists json_object json_query json_scalar json_serialize json_table json_value lateral leading least left like limit localtime
	localtimestamp materialized next not notnull nullif offset on only or order over overlay partition passing position right rollup row rows
	select set sets similar some substring symmetric then to trailing trim union using values variadic when where with within zone`)

// typesOfSystem name objects of the catalogs by a cast: what exists there, in other private brains too, could be probed.
var typesOfSystem = wordSet(`regclass regcollation regconfig regdatabase regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype`)

// changing are the words that a statement which changes something begins with.
var changing = wordSet(`insert update delete merge`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}
