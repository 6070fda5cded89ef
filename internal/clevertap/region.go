package clevertap

import (
	"fmt"
	"net/url"
	"strings"
)

// Regions returns the codes of CleverTap's regions
// (https://developer.clevertap.com/docs/common-api-components). Since 2025 that table has omitted
// South Korea, but the page on exports to S3 still lists its dashboard
// (https://developer.clevertap.com/docs/export-data-to-amazon-s3).
func Regions() []string { return []string{"eu1", "in1", "sg1", "sk1", "us1", "aps3", "mec1"} }

// RegionURL returns the base URL of the API for a region code, without a trailing slash. An account
// exists in one region; the hosts of all others respond with 401. The error lists the regions.
func RegionURL(region string) (*url.URL, error) {
	host := region + ".api.clevertap.com"
	switch region {
	case "eu1":
		host = "api.clevertap.com" // the default region has no prefix
	case "in1", "sg1", "sk1", "us1", "aps3", "mec1":
	default:
		return nil, fmt.Errorf("unknown region %q; one of: %s", region, strings.Join(Regions(), ", "))
	}
	return &url.URL{Scheme: "https", Host: host}, nil
}
