package mcp

// sizeOf counts the bytes of a value as JSON, about. It stops counting where there are more than the limit.
func sizeOf(v any, limit int) int {
	size := 0
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if size += len(key) + 4; size > limit {
				return size
			}
			if size += sizeOf(value, limit-size); size > limit {
				return size
			}
		}
	case []any:
		for _, value := range v {
			if size += 1 + sizeOf(value, limit-size-1); size > limit {
				return size
			}
		}
	case string:
		return len(v) + 2
	}
	return size + 2
}

// setOf holds the strings of a list.
func setOf(list []any) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, v := range list {
		if text, ok := v.(string); ok {
			set[text] = true
		}
	}
	return set
}
