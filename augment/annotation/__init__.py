"""Keypoints and parsing maps of images that come without: found by a network, and looked at.

annotate and parse are the commands' work, joint_finders and segformer what finds; check_keypoints
and keypoint_sheet judge and draw; picture_folder is where the images lie.
"""
