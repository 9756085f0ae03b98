package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// encode writes the members that are set as JSON.
func encode(members map[string]string) []byte {
	for name, value := range members {
		if value == "" {
			delete(members, name)
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		panic(err) // texts only
	}
	return raw
}

// sign adds the headers of Signature Version 4. All headers that the request has are signed.
func sign(r *http.Request, body []byte, c Config, service string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", stamp)
	if c.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	var canonical strings.Builder
	for _, name := range names {
		value := r.URL.Host
		if name != "host" {
			value = strings.Join(r.Header[textproto.CanonicalMIMEHeaderKey(name)], ",")
		}
		canonical.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{r.Method, path, r.URL.RawQuery, canonical.String(), signed, hash(body)}, "\n")
	scope := stamp[:8] + "/" + c.Region + "/" + service + "/aws4_request"
	text := "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hash([]byte(request))
	key := "AWS4" + c.SecretKey
	for _, part := range []string{stamp[:8], c.Region, service, "aws4_request"} {
		key = string(messaging.MAC(sha256.New, key, part))
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.AccessKeyID+"/"+scope+", SignedHeaders="+signed+
		", Signature="+messaging.SHA256Hex(key, text))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
