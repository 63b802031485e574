package wire

// Frame returns body framed with a schema id.
func Frame(id int, body []byte) []byte { return append(appendFrame(nil, id), body...) }

// Unframe is unframe.
var Unframe = unframe
