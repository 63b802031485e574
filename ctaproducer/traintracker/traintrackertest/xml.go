package traintrackertest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"
)

// asXML returns the XML of an answer in JSON, as the Train Tracker has it: a list is its
// elements, a member with @ an attribute, null an empty element. Times have another form.
func asXML(text []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	in, to := json.NewDecoder(bytes.NewReader(text)), xml.NewEncoder(&out)
	if _, err := in.Token(); err != nil { // the outer brace
		return nil, err
	}
	name, err := in.Token()
	if err == nil {
		err = element(in, to, fmt.Sprint(name))
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// element writes the value that comes next as an element, or as one for each of a list.
func element(in *json.Decoder, to *xml.Encoder, name string) error {
	value, err := in.Token()
	if err != nil {
		return err
	}
	start := xml.StartElement{Name: xml.Name{Local: name}}
	switch v := value.(type) {
	case nil:
		return to.EncodeElement("", start)
	case string:
		if at, err := time.Parse("2006-01-02T15:04:05", v); err == nil {
			v = at.Format("20060102 15:04:05")
		}
		return to.EncodeElement(v, start)
	case json.Delim:
		if v == '[' {
			for in.More() {
				if err := element(in, to, name); err != nil {
					return err
				}
			}
			_, err := in.Token()
			return err
		}
		return object(in, to, start)
	}
	return fmt.Errorf("%s is %v, want a text", name, value)
}

// object writes the members of an object. Attributes and sections come first.
func object(in *json.Decoder, to *xml.Encoder, start xml.StartElement) error {
	opened := false
	open := func() error {
		if opened {
			return nil
		}
		opened = true
		return to.EncodeToken(start)
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return err
		}
		member := fmt.Sprint(key)
		attribute, is := strings.CutPrefix(member, "@")
		switch {
		case is || member == "#cdata-section":
			value, err := in.Token()
			if err != nil {
				return err
			}
			if !is {
				err = to.EncodeElement(struct {
					Text string `xml:",cdata"`
				}{fmt.Sprint(value)}, start)
				if _, closing := in.Token(); err != nil || closing != nil {
					return errors.Join(err, closing)
				}
				return nil
			}
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attribute}, Value: fmt.Sprint(value)})
		default:
			if err := errors.Join(open(), element(in, to, member)); err != nil {
				return err
			}
		}
	}
	if _, err := in.Token(); err != nil {
		return err
	}
	return errors.Join(open(), to.EncodeToken(start.End()))
}
