package openai

import (
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// Kinds of files that both interfaces take.
type kind uint8

const (
	kindOther kind = iota
	kindImage
	kindPDF
	kindText
)

// fileKind sorts a file by its type; one that is neither given nor named is of no kind.
func fileKind(file llm.File) kind {
	if len(file.Data) == 0 && file.URL == "" {
		return kindOther
	}
	switch file.MediaType {
	case "image/png", "image/jpeg", "image/webp", "image/gif":
		return kindImage
	case "application/pdf":
		return kindPDF
	}
	if _, ok := wire.TextFile(file); ok {
		return kindText
	}
	return kindOther
}

func unsupported(file llm.File) error {
	return wire.UnsupportedFile(file, "This model takes images (PNG, JPEG, WebP, GIF), PDFs and text files only.")
}

// location is the URL under which the provider finds the file, its bytes themselves where they are here.
func location(file llm.File) string {
	if len(file.Data) > 0 {
		return wire.DataURL(file)
	}
	return file.URL
}

// fileName is never empty: the provider wants one, and tells the type by it.
func fileName(file llm.File) string {
	name := strings.TrimSpace(file.Name)
	if name == "" {
		name = "document.pdf"
	}
	return name
}
