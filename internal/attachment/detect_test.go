package attachment_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"twobrains/internal/attachment"
	"twobrains/internal/problem"
)

// picture encodes an image of one colour; the palette keeps large ones small.
func picture(t *testing.T, format string, width, height int) []byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.Black})
	var out bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&out, img)
	case "jpeg":
		err = jpeg.Encode(&out, img, nil)
	case "gif":
		err = gif.Encode(&out, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// webp is the head of a WebP of one of the three kinds, which is all that is read.
func webp(kind string, width, height int) []byte {
	payload := make([]byte, 18)
	switch kind {
	case "VP8X":
		binary.LittleEndian.PutUint32(payload[4:], uint32(width-1))
		binary.LittleEndian.PutUint32(payload[7:], uint32(height-1))
	case "VP8L":
		payload[0] = 0x2f
		binary.LittleEndian.PutUint32(payload[1:], uint32(width-1)|uint32(height-1)<<14)
	case "VP8 ":
		copy(payload[3:], "\x9d\x01\x2a")
		binary.LittleEndian.PutUint16(payload[6:], uint16(width))
		binary.LittleEndian.PutUint16(payload[8:], uint16(height))
	}
	return append([]byte("RIFF\x1e\x00\x00\x00WEBP"+kind+"\x12\x00\x00\x00"), payload...)
}

// realWebP was written by an encoder: one pixel, lossy.
const realWebP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"

func TestDetect(t *testing.T) {
	t.Parallel()
	encoded, err := base64.StdEncoding.DecodeString(realWebP)
	if err != nil {
		t.Fatal(err)
	}
	pdf := []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")
	pngFile := picture(t, "png", 2, 3)
	for _, tc := range []struct {
		name     string
		file     string
		declared string
		data     []byte
		want     string
		refused  problem.Code
	}{
		{name: "png", file: "a.png", declared: "image/png", data: pngFile, want: "image/png"},
		{name: "jpeg", file: "a.jpg", declared: "image/jpeg", data: picture(t, "jpeg", 2, 3), want: "image/jpeg"},
		{name: "jpeg by another name", file: "a.jpg", declared: "image/jpg", data: picture(t, "jpeg", 2, 3), want: "image/jpeg"},
		{name: "gif", file: "a.gif", declared: "image/gif; x=1", data: picture(t, "gif", 2, 3), want: "image/gif"},
		{name: "webp", file: "a.webp", declared: "image/webp", data: encoded, want: "image/webp"},
		{name: "webp extended", declared: "image/webp", data: webp("VP8X", 5000, 3000), want: "image/webp"},
		{name: "webp lossless", declared: "image/webp", data: webp("VP8L", 5000, 3000), want: "image/webp"},
		{name: "webp of no known kind", declared: "image/webp", data: webp("VP8Z", 5, 5), refused: problem.CodeUnsupportedMediaType},
		{name: "pdf", file: "a.pdf", declared: "application/pdf", data: pdf, want: "application/pdf"},
		{name: "nothing declared", file: "a.bin", data: pngFile, want: "image/png"},
		{name: "bytes declared", file: "a.exe", declared: "application/octet-stream", data: pdf, want: "application/pdf"},

		{name: "text", file: "a.txt", declared: "text/plain; charset=utf-8", data: []byte("grüße"), want: "text/plain"},
		{name: "markdown", file: "a.md", declared: "text/markdown", data: []byte("# hi"), want: "text/markdown"},
		{name: "markdown by name", file: "README.MD", data: []byte("# hi"), want: "text/markdown"},
		{name: "csv", file: "a.csv", declared: "text/csv", data: []byte("a,b\n1,2\n"), want: "text/csv"},
		{name: "csv on Windows", file: "a.csv", declared: "application/vnd.ms-excel", data: []byte("a;b\r\n"), want: "text/csv"},
		{name: "json", file: "a.json", declared: "application/json", data: []byte(` {"a":1}`), want: "application/json"},
		{name: "json by name", file: "a.json", data: []byte("\xef\xbb\xbf[1]"), want: "application/json"},
		{name: "json by name that is none", file: "a.json", data: []byte("// comment\n[1]"), want: "text/plain"},
		{name: "a program", file: "main.go", declared: "text/x-go", data: []byte("package main\n"), want: "text/plain"},
		{name: "a script", file: "a.sh", declared: "application/x-sh", data: []byte("#!/bin/sh\necho hi\n"), want: "text/plain"},
		{name: "typescript", file: "a.ts", declared: "video/mp2t", data: []byte("const a = 1 < 2\n"), want: "text/plain"},
		{name: "javascript", file: "a.js", declared: "text/javascript", data: []byte("alert(1)"), want: "text/plain"},
		{name: "xml", file: "pom.xml", declared: "application/xml", data: []byte("<?xml version='1.0'?><project/>"), want: "text/plain"},
		{name: "terminal colours", file: "log.txt", data: []byte("\x1b[31mred\x1b[0m"), want: "text/plain"},

		{name: "empty", file: "a.txt", refused: problem.CodeInvalid},
		{name: "blank", file: "a.txt", data: []byte("\xef\xbb\xbf \n\t"), refused: problem.CodeInvalid},
		{name: "html", file: "a.html", declared: "text/html", data: []byte("<!DOCTYPE html><p>hi"), refused: problem.CodeUnsupportedMediaType},
		{name: "html as text", file: "a.txt", declared: "text/plain", data: []byte("  <!-- x --> <hTmL><script>alert(1)</script>"), refused: problem.CodeUnsupportedMediaType},
		{name: "html behind a mark", file: "a.txt", data: []byte("\xef\xbb\xbf<script>alert(1)</script>"), refused: problem.CodeUnsupportedMediaType},
		{name: "xhtml", file: "a.txt", data: []byte("<?xml version='1.0'?><h:html xmlns:h='http://www.w3.org/1999/xhtml'/>"), refused: problem.CodeUnsupportedMediaType},
		{name: "svg", file: "a.svg", declared: "image/svg+xml", data: []byte("<svg onload='alert(1)'/>"), refused: problem.CodeUnsupportedMediaType},
		{name: "svg as png", file: "a.png", declared: "image/png", data: []byte("<svg/>"), refused: problem.CodeUnsupportedMediaType},
		{name: "svg behind a doctype", file: "a.txt", data: []byte("<?xml version='1.0'?>\n<!-- c -->\n<!DOCTYPE svg PUBLIC ''><svg/>"), refused: problem.CodeUnsupportedMediaType},
		{name: "svg behind an endless comment", file: "a.txt", data: []byte("<!-- <svg onload=alert(1)>"), refused: problem.CodeUnsupportedMediaType},
		{name: "a Windows program", file: "a.txt", declared: "text/plain", data: []byte("MZ\x90\x00\x03\x00\x00\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "a Linux program", file: "a", data: []byte("\x7fELF\x02\x01\x01\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "an archive", file: "a.docx", data: []byte("PK\x03\x04\x14\x00\x06\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "bitmap", file: "a.bmp", declared: "image/bmp", data: []byte("BM\x46\x00\x00\x00\x00\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "sound", declared: "audio/mpeg", data: []byte("ID3\x03\x00\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "utf-16", file: "a.txt", declared: "text/plain", data: []byte("\xff\xfeh\x00i\x00"), refused: problem.CodeUnsupportedMediaType},
		{name: "latin-1", file: "a.txt", declared: "text/plain", data: []byte("gr\xfc\xdfe"), refused: problem.CodeUnsupportedMediaType},

		{name: "a pdf declared as png", file: "a.png", declared: "image/png", data: pdf, refused: problem.CodeUnsupportedMediaType},
		{name: "a png declared as pdf", file: "a.pdf", declared: "application/pdf", data: pngFile, refused: problem.CodeUnsupportedMediaType},
		{name: "a png declared as jpeg", declared: "image/jpeg", data: pngFile, refused: problem.CodeUnsupportedMediaType},
		{name: "a png declared as text", declared: "text/plain", data: pngFile, refused: problem.CodeUnsupportedMediaType},
		{name: "a text declared as png", declared: "image/png", data: []byte("hello"), refused: problem.CodeUnsupportedMediaType},
		{name: "a text declared as a program", declared: "application/x-msdownload", data: []byte("hello"), refused: problem.CodeUnsupportedMediaType},
		{name: "what is no json", declared: "application/json", data: []byte("{"), refused: problem.CodeUnsupportedMediaType},
		{name: "an unreadable declaration", declared: "text/plain; =", data: []byte("hello"), refused: problem.CodeUnsupportedMediaType},
		{name: "a png cut off", declared: "image/png", data: pngFile[:12], refused: problem.CodeUnsupportedMediaType},
		{name: "a jpeg cut off", declared: "image/jpeg", data: []byte("\xff\xd8\xff\xe0"), refused: problem.CodeUnsupportedMediaType},

		{name: "as wide as may be", declared: "image/png", data: picture(t, "png", 8000, 5000), want: "image/png"},
		{name: "too wide", declared: "image/png", data: picture(t, "png", 8001, 1), refused: problem.CodeInvalid},
		{name: "too high", declared: "image/webp", data: webp("VP8X", 1, 16000), refused: problem.CodeInvalid},
		{name: "too many pixels", declared: "image/gif", data: picture(t, "gif", 8000, 5001), refused: problem.CodeInvalid},
		{name: "a text as long as may be", file: "a.txt", data: []byte(strings.Repeat("a", attachment.MaxText)), want: "text/plain"},
		{name: "too long a text", file: "a.txt", data: []byte(strings.Repeat("a", attachment.MaxText+1)), refused: problem.CodeTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := attachment.Detect(tc.file, tc.declared, tc.data)
			if tc.refused != "" {
				if !problem.HasCode(err, tc.refused) {
					t.Fatalf("got %q, %v; want %s", got, err, tc.refused)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Fatalf("got %q, %v; want %s", got, err, tc.want)
			}
		})
	}
}

// No bytes make the check panic, and what it lets pass is of a type that it says it stores.
func FuzzDetect(f *testing.F) {
	f.Add("a.png", "image/png", []byte("\x89PNG\r\n\x1a\n"))
	f.Add("a.webp", "", webp("VP8X", 1, 1))
	f.Add("a.txt", "", []byte("<!-- --><?xml ?><a:svg"))
	f.Add("a.json", "application/json", []byte("{}"))
	f.Fuzz(func(t *testing.T, name, declared string, data []byte) {
		got, err := attachment.Detect(name, declared, data)
		if err == nil && !attachment.IsImage(got) && !attachment.IsText(got) && got != "application/pdf" {
			t.Errorf("got %q", got)
		}
	})
}
