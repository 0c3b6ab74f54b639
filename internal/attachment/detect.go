package attachment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/gif" // formats whose sizes are read
	_ "image/jpeg"
	_ "image/png"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"twobrains/internal/problem"
)

// Types are those that are accepted and stored. Texts of any other kind, such as programs, are stored as text/plain: that
// is what every provider takes, and no browser makes more of it.
var Types = []string{
	"image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf",
	"text/plain", "text/markdown", "text/csv", "application/json",
}

const (
	// MaxSide and MaxPixels bound images. 8,000 is the longest side that Anthropic takes, the strictest of the providers.
	MaxSide   = 8000
	MaxPixels = 40_000_000
	// MaxText bounds text files: 1 MiB are some 300,000 tokens, more than most models read.
	MaxText = 1 << 20
)

// IsImage reports whether the type is one of the accepted types of images.
func IsImage(mediaType string) bool {
	return strings.HasPrefix(mediaType, "image/") && slices.Contains(Types, mediaType)
}

// IsText reports whether the type is one of the accepted types of texts.
func IsText(mediaType string) bool {
	return (strings.HasPrefix(mediaType, "text/") || mediaType == "application/json") && slices.Contains(Types, mediaType)
}

// Detect finds out what a file is, one of Types. The bytes decide; a declared type that says otherwise is refused, and so is
// whatever is none of Types, with CodeUnsupportedMediaType. A declared type that is empty or application/octet-stream says
// nothing: then the name's extension tells apart what bytes cannot, markdown from plain text.
func Detect(name, declared string, data []byte) (string, error) {
	if len(data) == 0 {
		return "", problem.New(problem.CodeInvalid, "The file is empty.").Field("body", "must not be empty")
	}
	if declared != "" {
		media, _, err := mime.ParseMediaType(declared)
		if err != nil {
			return "", problem.New(problem.CodeUnsupportedMediaType, "The declared type of the file cannot be read.")
		}
		declared = media
	}
	if declared == "application/octet-stream" || declared == "binary/octet-stream" {
		declared = ""
	}
	sniffed, _, _ := strings.Cut(http.DetectContentType(data), ";")
	switch {
	case IsImage(sniffed):
		if !agrees(declared, sniffed) {
			return "", errFalse(sniffed)
		}
		return sniffed, checkImage(sniffed, data)
	case sniffed == "application/pdf":
		if !agrees(declared, sniffed) {
			return "", errFalse(sniffed)
		}
		return sniffed, nil
	case isMarkup(data):
		return "", problem.New(problem.CodeUnsupportedMediaType, "HTML and SVG files are not accepted: they could run scripts.")
	case !isText(data):
		return "", problem.New(problem.CodeUnsupportedMediaType,
			"This kind of file is not accepted: send images (PNG, JPEG, WebP, GIF), PDFs, or text files in UTF-8.")
	}
	return detectText(name, declared, data)
}

// aliases are other names of types, by which clients call them.
var aliases = map[string]string{"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "application/x-pdf": "application/pdf"}

func agrees(declared, found string) bool {
	return declared == "" || declared == found || aliases[declared] == found
}

func errFalse(found string) error {
	return problem.Newf(problem.CodeUnsupportedMediaType, "The file is not what it is declared as: its bytes are those of %s.", found)
}

// textual are types of texts besides text/… and …+json. Windows calls CSV files what its spreadsheet does.
var textual = []string{
	"application/json", "application/x-ndjson", "application/jsonl", "application/xml", "application/yaml", "application/x-yaml", "application/toml",
	"application/javascript", "application/x-javascript", "application/ecmascript", "application/typescript", "application/sql", "application/graphql",
	"application/x-sh", "application/x-shellscript", "application/x-httpd-php", "application/x-python-code", "application/x-tex", "application/x-latex",
	"application/rtf", "application/vnd.ms-excel", "application/x-subrip", "application/x-perl", "application/x-ruby", "video/mp2t",
}

func detectText(name, declared string, data []byte) (string, error) {
	if len(data) > MaxText {
		return "", problem.Newf(problem.CodeTooLarge, "The file is too large: a text file may have %s, which is more than most models read.", bytesText(MaxText))
	}
	if strings.TrimSpace(string(bytes.TrimPrefix(data, byteOrderMark))) == "" {
		return "", problem.New(problem.CodeInvalid, "The file is empty.").Field("body", "must not be blank")
	}
	extension := strings.ToLower(extensionOf(name))
	switch {
	case declared == "application/json":
		if !json.Valid(bytes.TrimPrefix(data, byteOrderMark)) {
			return "", problem.New(problem.CodeUnsupportedMediaType, "The file is not what it is declared as: it is no JSON document.")
		}
		return declared, nil
	case declared == "text/markdown", declared == "text/x-markdown":
		return "text/markdown", nil
	case declared == "text/csv", declared == "application/vnd.ms-excel" && extension == ".csv":
		return "text/csv", nil
	case declared == "video/mp2t" && extension != ".ts": // what browsers think of TypeScript
		return "", errFalse("text/plain")
	case declared != "" && !strings.HasPrefix(declared, "text/") && !strings.HasSuffix(declared, "+json") && !slices.Contains(textual, declared):
		return "", errFalse("text/plain")
	}
	switch extension {
	case ".md", ".markdown":
		return "text/markdown", nil
	case ".csv":
		return "text/csv", nil
	case ".json":
		if json.Valid(bytes.TrimPrefix(data, byteOrderMark)) {
			return "application/json", nil
		}
	}
	return "text/plain", nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// isText reports whether the bytes are UTF-8 without the control characters that texts do not have.
func isText(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, c := range data {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\b' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}

// isMarkup reports whether a text is a document that a browser would render and whose scripts it would run: HTML in what
// may stand before it, or XML whose root is SVG or XHTML.
func isMarkup(data []byte) bool {
	rest := bytes.TrimPrefix(data, byteOrderMark)
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n\f")
		var end []byte
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			end = []byte("-->")
		case bytes.HasPrefix(rest, []byte("<?")):
			end = []byte("?>")
		case hasPrefixFold(rest, "<!doctype"):
			return hasPrefixFold(bytes.TrimLeft(rest[len("<!doctype"):], " \t\r\n\f"), "html") || hasPrefixFold(bytes.TrimLeft(rest[len("<!doctype"):], " \t\r\n\f"), "svg")
		default:
			return slices.ContainsFunc([]string{"<svg", "<html", "<head", "<body", "<script", "<iframe", "<xhtml"}, func(tag string) bool {
				return hasPrefixFold(rest, tag) || hasPrefixFold(withoutPrefix(rest), tag)
			})
		}
		i := bytes.Index(rest, end)
		if i < 0 {
			return true // a comment without an end hides what follows
		}
		rest = rest[i+len(end):]
	}
}

// withoutPrefix turns "<ns:svg" into "<svg".
func withoutPrefix(tag []byte) []byte {
	head := tag[:min(len(tag), 64)]
	if len(head) == 0 || head[0] != '<' {
		return nil
	}
	colon := bytes.IndexByte(head, ':')
	if colon < 0 || bytes.ContainsAny(head[:colon], " \t\r\n>/") {
		return nil
	}
	return append([]byte("<"), head[colon+1:]...)
}

func hasPrefixFold(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), prefix)
}

// checkImage reads an image's head, not its pixels.
func checkImage(mediaType string, data []byte) error {
	width, height, err := imageSize(mediaType, data)
	if err != nil {
		return problem.New(problem.CodeUnsupportedMediaType, "The image is damaged: its size cannot be read.").Because(err)
	}
	if width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return problem.New(problem.CodeInvalid, "The image is too large for models to look at; make it smaller.").
			Field("body", fmt.Sprintf("must have at most %d pixels a side and %d in all", MaxSide, MaxPixels))
	}
	return nil
}

func imageSize(mediaType string, data []byte) (width, height int, err error) {
	if mediaType == "image/webp" {
		return webpSize(data)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0, 0, fmt.Errorf("read image: %w", err)
	}
	if "image/"+format != mediaType || config.Width <= 0 || config.Height <= 0 {
		return 0, 0, errImage
	}
	return config.Width, config.Height, nil
}
