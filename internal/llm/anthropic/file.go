package anthropic

import (
	"encoding/base64"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// imageTypes are those that the API takes as bytes.
var imageTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

// textTypes are texts besides text/….
var textTypes = []string{
	"application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
	"application/javascript", "application/x-javascript", "application/sql", "application/x-sh",
}

// fileBlock translates an attachment: images and PDFs as bytes or as an URL, texts as bytes.
func fileBlock(file llm.File) (sdk.ContentBlockParamUnion, error) {
	media, _, err := mime.ParseMediaType(file.MediaType)
	if err != nil {
		media = ""
	}
	byURL := len(file.Data) == 0
	isText := strings.HasPrefix(media, "text/") || slices.Contains(textTypes, media) || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") && !strings.HasPrefix(media, "image/")
	switch {
	case byURL && !strings.HasPrefix(file.URL, "https://"):
		return sdk.ContentBlockParamUnion{}, wire.UnsupportedFile(file, "This attachment is empty.")
	case slices.Contains(imageTypes, media) && byURL:
		return sdk.NewImageBlock(sdk.URLImageSourceParam{URL: file.URL}), nil
	case slices.Contains(imageTypes, media):
		return sdk.NewImageBlockBase64(media, base64.StdEncoding.EncodeToString(file.Data)), nil
	case media == "application/pdf" && byURL:
		return document(file, sdk.DocumentBlockParamSourceUnion{OfURL: &sdk.URLPDFSourceParam{URL: file.URL}}), nil
	case media == "application/pdf":
		data := base64.StdEncoding.EncodeToString(file.Data)
		return document(file, sdk.DocumentBlockParamSourceUnion{OfBase64: &sdk.Base64PDFSourceParam{Data: data}}), nil
	case isText && !byURL:
		text := string(file.Data)
		if !utf8.ValidString(text) || blank(text) {
			return sdk.ContentBlockParamUnion{}, wire.UnsupportedFile(file, "This attachment is no text in UTF-8, or is empty.")
		}
		return document(file, sdk.DocumentBlockParamSourceUnion{OfText: &sdk.PlainTextSourceParam{Data: text}}), nil
	}
	return sdk.ContentBlockParamUnion{}, wire.UnsupportedFile(file,
		"This model takes images (JPEG, PNG, GIF, WebP), PDFs and texts as attachments.")
}

func document(file llm.File, source sdk.DocumentBlockParamSourceUnion) sdk.ContentBlockParamUnion {
	block := sdk.DocumentBlockParam{Source: source}
	if file.Name != "" {
		block.Title = sdk.String(file.Name)
	}
	return sdk.ContentBlockParamUnion{OfDocument: &block}
}
