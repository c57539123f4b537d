"""cnn_ext"""
