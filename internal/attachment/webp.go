package attachment

import (
	"encoding/binary"
	"errors"
)

var errImage = errors.New("malformed image")

// webpSize reads the size from a WebP's first chunk, which has one of three forms (RFC 9649): VP8X of an extended file, VP8L
// of a lossless one, VP8 of a lossy one.
func webpSize(data []byte) (width, height int, err error) {
	if len(data) < 30 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" {
		return 0, 0, errImage
	}
	payload := data[20:]
	switch string(data[12:16]) {
	case "VP8X":
		width = int(binary.LittleEndian.Uint32(payload[3:7])>>8) + 1
		height = int(binary.LittleEndian.Uint32(payload[6:10])>>8) + 1
	case "VP8L":
		if payload[0] != 0x2f {
			return 0, 0, errImage
		}
		bits := binary.LittleEndian.Uint32(payload[1:5])
		width, height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	case "VP8 ":
		if payload[3] != 0x9d || payload[4] != 0x01 || payload[5] != 0x2a {
			return 0, 0, errImage
		}
		width = int(binary.LittleEndian.Uint16(payload[6:8]) & 0x3fff)
		height = int(binary.LittleEndian.Uint16(payload[8:10]) & 0x3fff)
	default:
		return 0, 0, errImage
	}
	if width <= 0 || height <= 0 {
		return 0, 0, errImage
	}
	return width, height, nil
}
